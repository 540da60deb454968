package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.Shell;

/** Other people's programs read what {@code fdorigin convert} writes, and find every descriptor. */
@RequiresAgent
class ConvertTest {

  /** What async-profiler's converter adds to the names of Java methods: how they were compiled. */
  private static final String COMPILED = "_\\[[a-z0-9]\\]";

  @EachJdk(17)
  void theStacksOfARealServerAreReadByOthers(Jdk jdk) throws Exception {
    try (JvmUnderTest bazaar =
        JvmUnderTest.of(jdk, App.BAZAAR)
            .agent("on=signal", "signal=SIGUSR2")
            .app("--stalls=listener,connection,listener,pipe,busy")
            .start()) {
      bazaar.ready();
      // Not by an attach, whose own socket would be one more.
      Path report = bazaar.reportFile(1);
      List<String> kill = List.of("kill", "-USR2", Long.toString(bazaar.pid()));
      assertEquals(0, Shell.begin(kill).end().status());
      bazaar.awaitErr(line -> line.contains(report.toString()));
      int open = Kernel.descriptors(bazaar.pid()).size();
      readByAsyncProfiler(report, open);
      readBySpeedscope(report, open);
      assertEquals(0, bazaar.exit(), bazaar::transcript);
    }
  }

  /** There and back again: nothing is lost. */
  private static void readByAsyncProfiler(Path report, int open)
      throws IOException, InterruptedException {
    Path ours = report.resolveSibling("fds.collapsed");
    assertEquals(
        0,
        Shell.fdorigin("convert", report, "--to", "collapsed", "-o", ours).end().status());
    Path page = report.resolveSibling("fds.html");
    Path theirs = report.resolveSibling("theirs.collapsed");
    convert(ours, page);
    convert("-o", "collapsed", page, theirs);
    Map<String, Integer> stacks = read(ours);
    assertEquals(open, stacks.values().stream().mapToInt(Integer::intValue).sum());
    assertEquals(stacks, read(theirs));
    String listener = App.BAZAAR.mainClass().replace('.', '/') + ".sellListenerForSix;";
    assertEquals(
        2,
        stacks.entrySet().stream()
            .filter(e -> e.getKey().contains(listener) && e.getKey().endsWith(";socket"))
            .mapToInt(Map.Entry::getValue)
            .sum(),
        stacks::toString);
  }

  private static void readBySpeedscope(Path report, int open) throws IOException {
    Shell.Result made = Shell.fdorigin("convert", report, "--to", "speedscope").end();
    assertEquals(0, made.status(), made::toString);
    JsonNode file = new ObjectMapper().readTree(String.join("\n", made.out()));
    assertEquals(
        open,
        StreamSupport.stream(file.path("profiles").path(0).path("weights").spliterator(), false)
            .mapToInt(JsonNode::asInt)
            .sum());
    Path schema =
        Build.apps().resolve("../../build/deps/speedscope/file-format-schema.json").normalize();
    assumeTrue(Files.exists(schema), "speedscope's schema is not in build/deps/speedscope");
    var validator =
        JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V7)
            .getSchema(new ObjectMapper().readTree(schema.toFile()));
    assertEquals(Set.of(), validator.validate(file));
    ((ObjectNode) file.path("profiles").path(0)).remove("unit");
    assertTrue(!validator.validate(file).isEmpty(), "the schema refuses what lacks a unit");
  }

  private static void convert(Object... words) throws IOException, InterruptedException {
    String jar =
        Arrays.stream(System.getProperty("java.class.path").split(":"))
            .filter(path -> path.contains("jfr-converter"))
            .findFirst()
            .orElseThrow();
    List<String> line =
        new ArrayList<>(
            List.of(System.getProperty("java.home") + "/bin/java", "-jar", jar));
    Arrays.stream(words).map(String::valueOf).forEach(line::add);
    Shell.Result done = Shell.begin(line).end();
    assertEquals(0, done.status(), done::toString);
  }

  private static Map<String, Integer> read(Path collapsed) throws IOException {
    return Files.readAllLines(collapsed).stream()
        .collect(
            Collectors.toMap(
                line -> line.substring(0, line.lastIndexOf(' ')).replaceAll(COMPILED, ""),
                line -> Integer.parseInt(line.substring(line.lastIndexOf(' ') + 1)),
                Integer::sum,
                TreeMap::new));
  }
}
