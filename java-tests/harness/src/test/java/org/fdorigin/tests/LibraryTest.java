package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.RequiresAgent;
import org.junit.jupiter.api.Test;

/**
 * The shared object can be copied alone to any machine with glibc, and shows nothing but its API.
 */
@RequiresAgent
class LibraryTest {

  private static final Pattern NEEDED = Pattern.compile("\\(NEEDED\\).*\\[(.+)]");

  @Test
  void itNeedsGlibcAlone() throws IOException, InterruptedException {
    List<String> others = new ArrayList<>();
    for (String line : readelf("-d")) {
      Matcher needed = NEEDED.matcher(line);
      if (needed.find() && !needed.group(1).matches("libc\\.so\\.6|libm\\.so\\.6|ld-linux.*")) {
        others.add(needed.group(1));
      }
    }
    assertEquals(List.of(), others);
  }

  @Test
  void itExportsItsInterfaceAlone() throws IOException, InterruptedException {
    TreeSet<String> exported = new TreeSet<>();
    for (String line : readelf("--dyn-syms")) {
      // Num: Value Size Type Bind Vis Ndx Name
      String[] column = line.trim().split("\\s+");
      if (column.length >= 8
          && column[0].matches("\\d+:")
          && !column[4].equals("LOCAL")
          && !column[6].equals("UND")
          && !column[6].equals("ABS")) {
        exported.add(column[7].replaceAll("@.*", ""));
      }
    }
    assertTrue(exported.contains("Agent_OnLoad"), exported::toString);
    assertTrue(exported.contains("Agent_OnAttach"), exported::toString);
    exported.removeIf(name -> name.matches("Agent_On(Load|Attach|Unload)|fdorigin_.*"));
    assertEquals(new TreeSet<>(), exported);
  }

  @Test
  void itHasNoTextRelocationsAndNoExecutableStack() throws IOException, InterruptedException {
    assertTrue(readelf("-d").stream().noneMatch(line -> line.contains("(TEXTREL)")));
    assertTrue(
        readelf("-l").stream().noneMatch(line -> line.contains("GNU_STACK") && line.contains("E ")),
        "executable stack");
  }

  private static List<String> readelf(String what) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder("readelf", "-W", what, Build.agent().toString())
            .redirectErrorStream(true);
    builder.environment().put("LC_ALL", "C");
    Process readelf = builder.start();
    List<String> lines;
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(readelf.getInputStream(), StandardCharsets.UTF_8))) {
      lines = in.lines().toList();
    }
    assertEquals(0, readelf.waitFor(), lines::toString);
    return lines;
  }
}
