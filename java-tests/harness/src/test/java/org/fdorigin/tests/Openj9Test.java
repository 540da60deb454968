package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Attempt;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;

/**
 * OpenJ9's CRIU support, played by its stand-in on a HotSpot of which nothing is read: a failed dump
 * names no descriptor, and the report tells those that criu may have meant.
 */
@RequiresAgent
@RequiresStandin
class Openj9Test {

  private static final String INTERNAL = "openj9.internal.criu.";
  private static final String PUBLIC = "org.eclipse.openj9.criu.";
  private static final String DUMP_FAILED = "Could not dump the JVM processes, err=-52";
  private static final String QUAY = App.QUAY.mainClass();

  /** The stand-in itself: the hooks' order is the one that OpenJ9 documents. */
  @EachJdk
  void hooksRunByPriority(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = quay(jdk, "", "criu").start()) {
      jvm.ready();
      jvm.command("hooks");
      assertFalse(jvm.checkpoint(1).failed(), jvm::transcript);
      assertEquals(
          "PreCheckpoint/beside/0,PreCheckpoint/beside/50,PreCheckpoint/beside/99,"
              + "PreCheckpoint/alone/0,PreCheckpoint/alone/50,PreCheckpoint/alone/99,"
              + "PostRestore/alone/99,PostRestore/alone/50,PostRestore/alone/0,"
              + "PostRestore/beside/99,PostRestore/beside/50,PostRestore/beside/0",
          jvm.command("order").get("ran"));
      assertEquals(List.of(), jvm.reportFiles(), "no report of a checkpoint that passed");
    }
  }

  @EachJdk
  void aDumpThatCriuRefusesIsReported(Jdk jdk) throws IOException {
    for (String vm : List.of("events", "")) {
      try (JvmUnderTest jvm = quay(jdk, vm, "criu").start()) {
        jvm.ready();
        Map<String, String> moored = jvm.command("moor");
        Kernel kernel = Kernel.of(jvm.pid());
        Attempt attempt = jvm.checkpoint(1);
        assertEquals(PUBLIC + "SystemCheckpointException", attempt.exception().className());
        assertEquals(
            INTERNAL + "SystemCheckpointException",
            attempt.exception().causes().get(0).className());

        Report report = jvm.report(1);
        checkException(report, "SystemCheckpointException", DUMP_FAILED);
        assertEquals("main", report.json().at("/trigger/thread").asText());
        checkMoored(report, kernel, moored);
        // And again: one report for each failed attempt, none where nothing is in the way.
        assertTrue(jvm.checkpoint(2).failed(), jvm::transcript);
        jvm.report(2);
        jvm.command("cast-off");
        assertFalse(jvm.checkpoint(3).failed(), jvm::transcript);
        assertEquals(2, jvm.reportFiles().size(), () -> jvm.folder().toString());
        assertEquals(0, jvm.exit(), jvm::transcript);
      }
    }
  }

  /** The native had fewer arguments once, and was another class's. */
  @EachJdk
  void anEarlyBuildIsReportedToo(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        quay(jdk, "events", "criu").jvm("-Dstandin.openj9=early").start()) {
      jvm.ready();
      Map<String, String> moored = jvm.command("moor");
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      checkException(jvm.report(1), "SystemCheckpointException", DUMP_FAILED);
      checkMoored(jvm.report(1), kernel, moored);
    }
  }

  /** In jdk.crac the exception says nothing, its cause all; the report has what the cause says. */
  @EachJdk
  void theCauseOfACracExceptionIsReported(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = quay(jdk, "events", "jdk").start()) {
      jvm.ready();
      jvm.command("moor");
      // jdk.crac sets tcpEstablished, so that a connection is no obstacle.
      assertFalse(jvm.checkpoint(1).failed(), jvm::transcript);
      jvm.command("refuse");
      Attempt attempt = jvm.checkpoint(2);
      assertEquals("jdk.crac.CheckpointException", attempt.exception().className());
      assertEquals("Default CheckpointException", attempt.exception().message());
      Attempt.Failure cause = attempt.exception().causes().get(0);
      Report report = jvm.report(1);
      checkException(report, "JVMCheckpointException", cause.message());
      assertEquals(
          QUAY + "$QuayBlockedException: the quay is blocked",
          cause.causes().get(0).toString());
      JsonNode told = report.json().at("/trigger/exception/causes");
      assertEquals(1, told.size());
      assertEquals(QUAY + "$QuayBlockedException", told.get(0).path("class").asText());
      assertEquals("the quay is blocked", told.get(0).path("message").asText());
      assertEquals(1, jvm.reportFiles().size());
    }
  }

  /** With the event the list is that of the dump, whatever hooks have opened since. */
  @EachJdk
  void theDescriptorsAreThoseThatCriuMet(Jdk jdk) throws IOException {
    for (String vm : List.of("events+hooks", "hooks")) {
      try (JvmUnderTest jvm = quay(jdk, vm, "criu").start()) {
        jvm.ready();
        jvm.command("moor");
        jvm.command("reopen");
        Kernel before = Kernel.of(jvm.pid());
        assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
        Kernel after = Kernel.of(jvm.pid());
        assertEquals(before.listeners().size() + 1, after.listeners().size());
        assertEquals(
            vm.startsWith("events") ? before.listeners() : after.listeners(),
            jvm.report(1).descriptors().stream()
                .filter(one -> one.socket().path("state").asText().equals("LISTEN"))
                .map(Report.Descriptor::fd)
                .toList());
      }
    }
  }

  @EachJdk(17)
  void theSummaryNamesWhatCriuMayHaveMeant(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = quay(jdk, "events", "criu").start()) {
      jvm.ready();
      Map<String, String> moored = jvm.command("moor");
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      String failure = INTERNAL + "SystemCheckpointException: " + DUMP_FAILED;
      jvm.awaitErr(line -> line.equals("fdorigin:   " + failure));
      jvm.awaitErr(
          line ->
              line.contains(":" + moored.get("ship") + " -> ")
                  && line.contains("by " + QUAY + ".sailSeventyTwo"));
      assertTrue(
          jvm.errLines().stream().noneMatch(line -> line.contains("listening on")),
          "criu dumps a listener: " + jvm.transcript());
    }
  }

  /** The stand-in leaves criu's log where OpenJ9's documentation says that it is. */
  @EachJdk(17)
  void theAdviceTellsWhereCriuSaysMore(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = quay(jdk, "events", "criu").start()) {
      jvm.ready();
      jvm.command("moor");
      jvm.checkpoint(1);
      assertTrue(Files.exists(jvm.folder().resolve("cr/criu.log")));
      jvm.report(1).descriptors().stream()
          .filter(one -> one.json().has("advice"))
          .forEach(
              one -> {
                String text = one.json().at("/advice/text").asText();
                assertTrue(text.contains("criu.log"), text);
                assertFalse(text.contains("resource-policies"), text);
              });
    }
  }

  private static void checkException(Report report, String type, String message) {
    assertEquals("checkpoint-failure", report.triggerKind());
    assertEquals(INTERNAL + type, report.exceptionClass());
    assertEquals(message, report.json().at("/trigger/exception/message").asText());
    assertEquals(List.of(), report.suppressed());
  }

  /** Nothing is blocking, since nothing is named; both ends of the connection have advice. */
  private static void checkMoored(Report report, Kernel kernel, Map<String, String> moored) {
    int pier = number(moored, "pier");
    int ship = number(moored, "ship");
    check(report, kernel.connection(ship, pier).fd(), "sailSeventyTwo", "ship", true);
    check(report, kernel.connection(pier, ship).fd(), "acceptSeventyThree", "berth", true);
    check(report, kernel.listener(pier).fd(), "buildPierSeventyOne", "pier", false);
  }

  private static void check(Report report, int fd, String method, String mark, boolean advised) {
    Report.Descriptor descriptor = report.descriptor(fd);
    assertEquals("traced", descriptor.attribution(), descriptor::toString);
    assertFalse(descriptor.blocking(), descriptor::toString);
    assertEquals("complete", descriptor.origin().json().path("javaStack").asText());
    assertEquals(QUAY + "." + method, descriptor.culprit().name());
    assertEquals(App.QUAY.line(mark), descriptor.culprit().line());
    assertEquals(advised, descriptor.json().has("advice"), descriptor::toString);
  }

  private static JvmUnderTest.Builder quay(Jdk jdk, String vm, String api) throws IOException {
    return JvmUnderTest.of(jdk, App.QUAY)
        .environment("FDORIGIN_HOTSPOT", "off")
        .agent()
        .openj9(vm)
        .app("--hold", "--api=" + api);
  }
}
