package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Set;
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
import org.junit.jupiter.api.Tag;

/** The JDK's HTTP server: one listening socket of which only the application's frame is not JDK. */
@RequiresAgent
@RequiresStandin
@Tag("matrix")
class HttpServerTest {

  private static final String OPENER = App.HTTP_SERVER.mainClass() + ".openCounterFortyOne";

  @EachJdk
  void theListenersOpenerIsNamedDownToTheLine(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.HTTP_SERVER)
            .agent()
            .standin(Generation.G3)
            .app("--hold")
            .start()) {
      int port = number(jvm.ready(), "port");
      Kernel kernel = Kernel.of(jvm.pid());
      Kernel.InetSocket listener = kernel.listener(port);
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);

      Report report = jvm.report(1);
      assertEquals("checkpoint-failure", report.triggerKind());
      assertTrue(
          Set.of("jdk.crac.CheckpointException", "jdk.internal.crac.mirror.CheckpointException")
              .contains(report.exceptionClass()),
          report::exceptionClass);
      FailureJoin.check(report, attempt, kernel);
      assertEquals(jvm.pid(), report.json().path("process").path("pid").asLong());

      Report.Descriptor socket = report.descriptor(listener.fd());
      assertEquals("socket", socket.kind());
      assertEquals("traced", socket.attribution());
      // Where the JDK prints its channel without an address, no message tells which socket it is.
      if (jdk.feature() == 17) {
        assertTrue(FailureJoin.certain(listener.fd(), attempt, kernel));
        assertTrue(socket.blocking());
      }
      assertEquals(listener.inode(), socket.json().path("inode").asLong());
      assertEquals("socket:[" + listener.inode() + "]", socket.json().path("target").asText());
      assertTrue(socket.socket().path("family").asText().matches("(?i)(af_)?(ip|inet).*"));
      assertTrue(socket.socket().path("type").asText().matches("(?i)(sock_)?stream"));
      assertEquals("LISTEN", socket.socket().path("state").asText());
      assertTrue(socket.socket().path("local").asText().endsWith(":" + port));

      Report.Call origin = socket.origin();
      assertEquals("socket", origin.call());
      assertEquals("main", origin.json().path("thread").path("name").asText());
      assertEquals("java", origin.json().path("thread").path("kind").asText());
      assertTrue(kernel.hasThread(origin.json().path("thread").path("tid").asLong(-1)));
      assertEquals("complete", origin.json().path("javaStack").asText());
      assertTrue(
          socket.historyCalls().containsAll(List.of("bind", "listen")),
          () -> socket.historyCalls().toString());

      Report.Frame innermost = origin.stack().get(0);
      assertFalse(innermost.java());
      assertEquals(
          "libnio.so", Path.of(innermost.json().path("module").asText()).getFileName().toString());
      assertEquals("sun.nio.ch.Net.socket0", origin.javaFrames().get(0).name());
      assertTrue(origin.javaFrames().get(0).json().path("native").asBoolean());
      int line = App.HTTP_SERVER.line("open-counter");
      for (Report.Call call : List.of(origin, socket.history("bind"), socket.history("listen"))) {
        assertEquals(line, call.frame(OPENER).line());
        assertEquals(App.HTTP_SERVER.file(), call.frame(OPENER).json().path("file").asText());
      }

      Report.Frame culprit = socket.culprit();
      assertEquals(OPENER, culprit.name());
      assertEquals(line, culprit.line());
      if (socket.blocking()) {
        assertFalse(socket.json().path("advice").path("text").asText().isBlank());
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(17)
  void theSummaryIsShortAndNamesNumberCulpritAndReport(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.HTTP_SERVER)
            .agent()
            .standin(Generation.G3)
            .quiet()
            .app("--hold")
            .start()) {
      int port = number(jvm.ready(), "port");
      int fd = Kernel.of(jvm.pid()).listener(port).fd();
      jvm.checkpoint(1);
      List<String> summary = summary(jvm);
      assertTrue(summary.size() <= 12, summary::toString);
      assertTrue(
          summary.stream()
              .anyMatch(
                  line ->
                      line.matches(".*\\b" + fd + "\\b.*")
                          && line.contains("TicketOffice")
                          && line.contains("openCounterFortyOne")
                          && line.contains(":" + App.HTTP_SERVER.line("open-counter"))),
          summary::toString);
    }
  }

  @EachJdk(17)
  void aLongStoryStillHasAShortSummary(Jdk jdk) throws IOException {
    String stalls = String.join(",", Collections.nCopies(30, "listener"));
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.BAZAAR)
            .agent()
            .standin(Generation.G3)
            .quiet()
            .app("--stalls=" + stalls)
            .start()) {
      jvm.ready();
      jvm.attempt(1);
      List<String> summary = summary(jvm);
      assertTrue(summary.size() <= 12, summary::toString);
      Report report = jvm.report(1);
      assertTrue(report.descriptors().stream().filter(Report.Descriptor::blocking).count() >= 30);
    }
  }

  @EachJdk(17)
  void summaryOffSaysNothing(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.HTTP_SERVER)
            .agent("summary=off")
            .standin(Generation.G3)
            .quiet()
            .start()) {
      jvm.ready();
      jvm.attempt(1);
      jvm.report(1);
      assertEquals(0, jvm.exit());
      assertEquals(List.of(), jvm.errLines());
    }
  }

  /** Standard error, which is the agent's alone here, down to the line with the report's path. */
  private static List<String> summary(JvmUnderTest jvm) {
    String path = jvm.reportFile(1).toString();
    jvm.awaitErr(line -> line.contains(path));
    assertEquals(0, jvm.exit(), jvm::transcript);
    List<String> lines = jvm.errLines();
    assertTrue(lines.get(lines.size() - 1).contains(path), lines::toString);
    return lines;
  }
}
