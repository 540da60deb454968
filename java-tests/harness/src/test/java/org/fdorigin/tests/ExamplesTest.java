package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.fdorigin.harness.App;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;

/** The examples for users do what they say, with the agent and without. */
@RequiresAgent
class ExamplesTest {

  private static final String KEPT = App.REHEARSAL.mainClass() + ".openFiftyNine";

  @EachJdk
  void javaAsksForAReport(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.REHEARSAL).agent("on=none");
    Path to = builder.folder().resolve("100%n.json");
    try (JvmUnderTest jvm = builder.app("--hold", "--to=" + to).start()) {
      jvm.ready();
      assertEquals("true", jvm.command("loaded").get("loaded"));
      int port = number(jvm.command("open"), "port");
      Kernel kernel = Kernel.of(jvm.pid());
      assertEquals("none", jvm.command("report").get("failure"));
      checkKept(Report.read(to), kernel, port);
      assertEquals("none", jvm.command("default").get("failure"));
      checkKept(jvm.report(2), kernel, port);
      assertEquals(kernel.descriptors(), Kernel.descriptors(jvm.pid()));
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertTrue(
          jvm.errLines().stream().noneMatch(line -> line.contains("WARNING")), jvm::transcript);
    }
  }

  @EachJdk
  void withoutTheAgentTheExamplesSaySo(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = JvmUnderTest.of(jdk, App.REHEARSAL).app("--hold").start()) {
      jvm.ready();
      assertEquals("false", jvm.command("loaded").get("loaded"));
      assertTrue(decoded(jvm.command("report"), "failure").contains("without the fdorigin agent"));
      assertEquals(Map.of("tidy", "none", "leaky", "none"), jvm.command("block"));
      assertEquals("2", jvm.command("junit").get("passed"));
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  void aBlockThatLeavesADescriptorOpenIsToldWithItsOrigin(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.REHEARSAL).agent("on=none,summary=off");
    try (JvmUnderTest jvm = builder.app("--hold").start()) {
      jvm.ready();
      String origin =
          KEPT + "(" + App.REHEARSAL.file() + ":" + App.REHEARSAL.line("kept") + ")";
      Map<String, String> blocks = jvm.command("block");
      assertEquals("none", decoded(blocks, "tidy"));
      assertTrue(decoded(blocks, "leaky").contains(origin), blocks::toString);
      assertEquals(2, decoded(blocks, "leaky").lines().count(), blocks::toString);

      Map<String, String> tests = jvm.command("junit");
      assertEquals("1", tests.get("passed"), tests::toString);
      String failures = decoded(tests, "failures");
      assertTrue(failures.startsWith("forgets"), failures);
      assertTrue(failures.contains(origin), failures);
      assertEquals(2, failures.lines().count(), failures);
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(List.of(), jvm.errLines());
      assertEquals(List.of(), jvm.reportFiles());
    }
  }

  @EachJdk
  @RequiresStandin
  void aResourceReportsBeforeTheCheckpoint(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.REHEARSAL).agent().standin(Generation.G3);
    Path before = builder.folder().resolve("before.json");
    try (JvmUnderTest jvm = builder.app("--hold", "--before=" + before).start()) {
      assertEquals("true", jvm.ready().get("registered"));
      int port = number(jvm.command("open"), "port");
      Kernel kernel = Kernel.of(jvm.pid());
      assertFalse(Files.exists(before));
      assertTrue(jvm.checkpoint(1).failed());
      checkKept(Report.read(before), kernel, port);
      assertEquals("checkpoint-failure", jvm.report(2).triggerKind());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void checkKept(Report report, Kernel kernel, int port) {
    assertEquals("api", report.triggerKind());
    assertEquals("main", report.json().at("/trigger/thread").asText());
    Report.Descriptor kept = report.descriptor(kernel.listener(port).fd());
    assertEquals(KEPT, kept.culprit().name());
    assertEquals(App.REHEARSAL.line("kept"), kept.culprit().line());
  }

  private static String decoded(Map<String, String> answer, String key) {
    return URLDecoder.decode(answer.get(key), StandardCharsets.UTF_8);
  }
}
