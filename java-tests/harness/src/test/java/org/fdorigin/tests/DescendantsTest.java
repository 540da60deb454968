package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;

/**
 * Children that are JVMs with the agent themselves, by the environment that they inherit, report
 * under names of their own; those that are forks of the JVM never report at all.
 */
@RequiresAgent
@RequiresStandin
class DescendantsTest {

  private static final String NEST = App.HATCHERY.mainClass() + ".buildNestSixtySeven";

  @EachJdk
  void aChildJvmReportsIntoAFileOfItsOwn(Jdk jdk) throws IOException {
    checkChildJvms(jdk, "=summary=off,report=fdorigin-%p.json", "fdorigin-%d.json");
  }

  @EachJdk(17)
  void aChildJvmReportsIntoAFileOfItsOwnByDefault(Jdk jdk) throws IOException {
    checkChildJvms(jdk, "", "fdorigin-%d-1.json");
  }

  private static void checkChildJvms(Jdk jdk, String options, String pattern) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.HATCHERY)
            .environment("JAVA_TOOL_OPTIONS", "-agentpath:" + Build.agent() + options)
            .standin(Generation.G3)
            .app("--hold", "--standin=@" + Generation.G3.arguments())
            .start()) {
      int port = number(jvm.ready(), "port");
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Path mine = jvm.folder().resolve(pattern.formatted(jvm.pid()));
      byte[] first = Files.readAllBytes(mine);
      checkNest(Report.read(mine), jvm.pid(), kernel.listener(port).fd());

      Map<String, String> hatched = jvm.command("hatch");
      assertEquals("0", hatched.get("status"), jvm::transcript);
      long child = Long.parseLong(hatched.get("pid"));
      Path its = jvm.folder().resolve(pattern.formatted(child));
      Report report = Report.read(its);
      int[] listening =
          report.descriptors().stream()
              .filter(one -> one.socket().path("state").asText().equals("LISTEN"))
              .mapToInt(Report.Descriptor::fd)
              .toArray();
      assertEquals(1, listening.length, its::toString);
      checkNest(report, child, listening[0]);

      Map<String, String> snatched = jvm.command("snatch");
      long killed = Long.parseLong(snatched.get("pid"));
      assertEquals(128 + 9, number(snatched, "status"));
      assertEquals(
          Stream.of(mine, its).map(path -> path.getFileName().toString()).sorted().toList(),
          jvm.reportFiles());
      assertEquals(List.of(), traces(jvm, killed));
      assertEquals(List.of(), traces(jvm, child, its));
      assertEquals(new String(first), Files.readString(mine), "the child's came into the parent's");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void checkNest(Report report, long pid, int fd) {
    assertEquals(pid, report.json().path("process").path("pid").asLong());
    Report.Descriptor nest = report.descriptor(fd);
    assertEquals("traced", nest.attribution(), nest::toString);
    assertEquals(NEST, nest.culprit().name());
    assertEquals(App.HATCHERY.line("nest"), nest.culprit().line());
    assertEquals(pid, report.json().at("/process/pid").asLong());
  }

  /** What bears this process's number where an agent could leave something, but for this file. */
  private static List<String> traces(JvmUnderTest jvm, long pid, Path... but) throws IOException {
    List<String> left = new ArrayList<>();
    for (Path folder : List.of(jvm.folder(), Path.of("/dev/shm"), Path.of("/tmp"))) {
      try (Stream<Path> all = Files.list(folder)) {
        all.filter(path -> path.getFileName().toString().matches(".*(?<!\\d)" + pid + "(?!\\d).*"))
            .filter(path -> Stream.of(but).noneMatch(path::equals))
            .map(Path::toString)
            .forEach(left::add);
      }
    }
    return left;
  }

  /** The child closes all, opens again, and ends: by _exit, and by exit with its handlers. */
  @EachJdk
  void aForkedChildNeverReports(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.HATCHERY)
            .agent()
            .standin(Generation.G3)
            .app("--hold", "--library=" + Build.natives().resolve("libhatchery.so"))
            .start()) {
      int port = number(jvm.ready(), "port");
      SortedMap<Integer, String> before = lasting(Kernel.descriptors(jvm.pid()));
      Map<String, String> answer = jvm.command("fork");
      assertEquals(Map.of("atonce", "7", "inorder", "8"), answer, jvm::transcript);
      assertEquals(List.of(), jvm.reportFiles());
      Kernel kernel = Kernel.of(jvm.pid());
      assertEquals(before, lasting(kernel.descriptors()));
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);

      Report report = jvm.report(1);
      checkNest(report, jvm.pid(), kernel.listener(port).fd());
      assertEquals(0, report.json().at("/coverage/dropped").asInt(-1));
      for (Report.Descriptor descriptor : report.descriptors()) {
        assertTrue(
            List.of("traced", "inherited").contains(descriptor.attribution()),
            descriptor::toString);
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(List.of(jvm.reportFile(1).getFileName().toString()), jvm.reportFiles());
    }
  }

  /** Without what the JVM itself opens for a moment, to look at its limits. */
  private static SortedMap<Integer, String> lasting(SortedMap<Integer, String> descriptors) {
    SortedMap<Integer, String> lasting = new TreeMap<>(descriptors);
    lasting.values().removeIf(link -> link.startsWith("/sys/") || link.startsWith("/proc/"));
    return lasting;
  }
}
