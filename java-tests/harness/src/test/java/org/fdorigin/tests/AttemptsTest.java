package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Attempt;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.FailureJoin;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;

/** One report for each failed attempt, whatever it failed by, and none for one that did not. */
@RequiresAgent
@RequiresStandin
class AttemptsTest {

  private static final String OPENER = App.TURNSTILE.mainClass() + ".openGateThirtyOne";

  @EachJdk
  void eachFailedAttemptHasItsOwnReport(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, App.TURNSTILE).standin(Generation.G3))) {
      jvm.command("open");
      Kernel kernel = Kernel.of(jvm.pid());
      for (int n = 1; n <= 3; n++) {
        Attempt attempt = jvm.checkpoint(n);
        assertTrue(attempt.failed(), jvm::transcript);
        FailureJoin.check(jvm.report(n), attempt, kernel);
        assertEquals(n, jvm.reportFiles().size(), () -> jvm.folder().toString());
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(3, jvm.reportFiles().size());
    }
  }

  /** Between the attempts the gate is closed and another one opened: the second report says so. */
  @EachJdk(17)
  void aReportTellsTheDescriptorsOfItsOwnAttempt(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, App.TURNSTILE).standin(Generation.G3))) {
      int first = number(jvm.command("open"), "port");
      long firstInode = Kernel.of(jvm.pid()).listener(first).inode();
      jvm.checkpoint(1);
      jvm.command("close");
      int second = number(jvm.command("open"), "port");
      Kernel.InetSocket gate = Kernel.of(jvm.pid()).listener(second);
      jvm.checkpoint(2);

      Report report = jvm.report(2);
      assertTrue(
          report.descriptors().stream()
              .noneMatch(one -> one.json().path("inode").asLong() == firstInode));
      Report.Descriptor descriptor = report.descriptor(gate.fd());
      assertEquals(gate.inode(), descriptor.json().path("inode").asLong());
      assertEquals(OPENER, descriptor.culprit().name());
      assertEquals(App.TURNSTILE.line("open-gate"), descriptor.culprit().line());
      assertTrue(descriptor.socket().path("local").asText().endsWith(":" + second));
    }
  }

  @EachJdk
  void aPassedCheckpointLeavesNoReport(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, App.TURNSTILE).standin(Generation.G3))) {
      assertFalse(jvm.checkpoint(1).failed(), jvm::transcript);
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(List.of(), jvm.reportFiles());
    }
  }

  /** Numbers count reports, not attempts. */
  @EachJdk(17)
  void thePassedAttemptTakesNoNumber(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, App.TURNSTILE).standin(Generation.G3))) {
      assertFalse(jvm.checkpoint(1).failed(), jvm::transcript);
      jvm.command("open");
      assertTrue(jvm.checkpoint(2).failed(), jvm::transcript);
      jvm.report(1);
      assertEquals(1, jvm.reportFiles().size());
    }
  }

  @EachJdk(17)
  void aFailedEngineIsReportedWithoutBlockers(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        start(
            JvmUnderTest.of(jdk, App.TURNSTILE)
                .standin(Generation.G3)
                .jvm("-Dstandin.engine=fail"))) {
      checkNothingNamed(jvm, "java.lang.RuntimeException: Native checkpoint failed.");
    }
  }

  @EachJdk(17)
  void aMissingConfigurationIsReported(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        start(JvmUnderTest.of(jdk, App.TURNSTILE).unconfiguredStandin(Generation.G3))) {
      checkNothingNamed(jvm, "java.lang.RuntimeException: C/R is not configured");
    }
  }

  @EachJdk(17)
  void aRefusingResourceIsReported(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, App.TURNSTILE).standin(Generation.G3))) {
      jvm.command("refuse");
      checkNothingNamed(
          jvm, App.TURNSTILE.mainClass() + "$TurnstileJammedException: the turnstile is jammed");
      jvm.command("allow");
      assertFalse(jvm.checkpoint(2).failed(), jvm::transcript);
      assertEquals(1, jvm.reportFiles().size());
    }
  }

  /** In the oldest generation the VM is not even asked where Java code has objected. */
  @EachJdk(17)
  void aRefusingResourceOfTheOldestGenerationIsReported(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, App.TURNSTILE).standin(Generation.G0))) {
      int port = number(jvm.command("open"), "port");
      jvm.command("refuse");
      checkNothingNamed(
          jvm, App.TURNSTILE.mainClass() + "$TurnstileJammedException: the turnstile is jammed");
      int fd = Kernel.of(jvm.pid()).listener(port).fd();
      assertEquals(OPENER, jvm.report(1).descriptor(fd).culprit().name());
    }
  }

  /**
   * However the agent learns of the failure, what it lists was open when the VM looked, not what
   * afterRestore has opened since: by the native that NativeMethodBind let it wrap, by
   * JVM_Checkpoint's PLT slot, or by CRaC's extension events.
   */
  @EachJdk
  void everyWayOfNoticingListsTheDescriptorsOfTheScan(Jdk jdk) throws IOException {
    for (String vm : List.of("", "nobind", "nobind+noplt+events", "events")) {
      try (JvmUnderTest jvm =
          start(
              JvmUnderTest.of(jdk, App.TURNSTILE)
                  .standin(Generation.G3)
                  .jvm("-Dstandin.vm=" + vm))) {
        int port = number(jvm.command("open"), "port");
        jvm.command("reopen");
        Kernel before = Kernel.of(jvm.pid());
        Attempt attempt = jvm.checkpoint(1);
        assertTrue(attempt.failed(), jvm::transcript);
        assertEquals(
            2, Kernel.of(jvm.pid()).listeners().size(), "the late gate is open by now: " + vm);
        Report report = jvm.report(1);
        FailureJoin.check(report, attempt, before);
        assertEquals(
            List.of(before.listener(port).fd()),
            report.descriptors().stream()
                .filter(one -> one.json().at("/socket/state").asText().equals("LISTEN"))
                .map(Report.Descriptor::fd)
                .toList(),
            vm);
        assertEquals(1, jvm.reportFiles().size(), vm);
      }
    }
  }

  /** Extension events come after a success too; that is no failure, now or later. */
  @EachJdk(17)
  void extensionEventsOfAPassedCheckpointReportNothing(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        start(
            JvmUnderTest.of(jdk, App.TURNSTILE)
                .standin(Generation.G3)
                .jvm("-Dstandin.vm=nobind+noplt+events"))) {
      assertFalse(jvm.checkpoint(1).failed(), jvm::transcript);
      assertFalse(jvm.checkpoint(2).failed(), jvm::transcript);
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(List.of(), jvm.reportFiles());
    }
  }

  @EachJdk(17)
  void onNoneReportsNothing(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.TURNSTILE)
            .agent("on=none")
            .standin(Generation.G3)
            .app("--hold")
            .start()) {
      jvm.ready();
      jvm.command("open");
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(List.of(), jvm.reportFiles());
    }
  }

  private static JvmUnderTest start(JvmUnderTest.Builder builder) throws IOException {
    JvmUnderTest jvm = builder.agent().app("--hold").start();
    Map<String, String> ready = jvm.ready();
    assertEquals(Long.toString(jvm.pid()), ready.get("pid"));
    return jvm;
  }

  private static void checkNothingNamed(JvmUnderTest jvm, String failure) throws IOException {
    Kernel kernel = Kernel.of(jvm.pid());
    Attempt attempt = jvm.checkpoint(1);
    assertTrue(attempt.failed(), jvm::transcript);
    Report report = jvm.report(1);
    assertEquals(1, jvm.reportFiles().size(), () -> "one attempt, one report: " + jvm.folder());
    assertEquals(List.of(failure), report.suppressed());
    assertEquals("checkpoint-failure", report.triggerKind());
    FailureJoin.check(report, attempt, kernel);
    assertTrue(report.descriptors().stream().noneMatch(Report.Descriptor::blocking));
  }
}
