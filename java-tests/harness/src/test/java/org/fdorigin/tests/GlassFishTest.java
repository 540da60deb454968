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

/**
 * The port and the busy selector: the exception names no descriptor of the selector's sockets, the
 * report tells all of them and puts Grizzly forward.
 */
@RequiresAgent
@RequiresStandin
class GlassFishTest {

  private static final String GRIZZLY = "org.glassfish.grizzly.";
  private static final String LISTENER = "org.glassfish.grizzly.config.GenericGrizzlyListener.";
  private static final String SERVICE = "com.sun.enterprise.v3.services.impl.";

  @EachJdk(17)
  void theListenerIsGrizzlys(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.GLASSFISH).agent().standin(Generation.G3).app("--hold").start()) {
      Map<String, String> ready = jvm.ready();
      int port = number(ready, "port");
      int clientPort = number(ready, "clientport");
      Kernel kernel = Kernel.of(jvm.pid());
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);
      assertTrue(
          attempt.exception().suppressed().stream()
              .anyMatch(
                  failure ->
                      failure
                              .className()
                              .equals("sun.nio.ch.EPollSelectorImpl$BusySelectorException")
                          && failure.message().contains("ServerSocketChannelImpl[")),
          jvm::transcript);

      Report report = jvm.report(1);
      FailureJoin.check(report, attempt, kernel);

      Report.Descriptor listener = report.descriptor(kernel.listener(port).fd());
      assertEquals("traced", listener.attribution());
      assertEquals("socket", listener.origin().call());
      assertGrizzly(listener);
      for (Report.Call call :
          List.of(listener.origin(), listener.history("bind"), listener.history("listen"))) {
        assertTrue(
            call.javaFrames().stream().anyMatch(frame -> frame.name().startsWith(LISTENER)),
            () -> call.stack().toString());
        assertTrue(
            call.javaFrames().stream().anyMatch(frame -> frame.name().startsWith(SERVICE)),
            () -> call.stack().toString());
      }
      assertEquals("resource", listener.json().at("/advice/kind").asText());

      Report.Descriptor accepted = report.descriptor(kernel.connection(port, clientPort).fd());
      assertTrue(List.of("accept", "accept4").contains(accepted.origin().call()));
      assertGrizzly(accepted);

      Report.Descriptor ship = report.descriptor(kernel.connection(clientPort, port).fd());
      assertEquals("socket", ship.origin().call());
      ship.history("connect");
      assertEquals(App.GLASSFISH.mainClass() + ".sendShipTwentyNine", ship.culprit().name());
      assertEquals(App.GLASSFISH.line("send-ship"), ship.culprit().line());

      List<Integer> epolls = kernel.withTarget("anon_inode:[eventpoll]");
      assertFalse(epolls.isEmpty());
      for (int fd : epolls) {
        Report.Descriptor epoll = report.descriptor(fd);
        assertTrue(epoll.origin().call().startsWith("epoll_create"), epoll::toString);
        assertGrizzly(epoll);
      }
      for (int fd : kernel.withTarget("anon_inode:[eventfd]")) {
        assertEquals("eventfd", report.descriptor(fd).origin().call());
        assertGrizzly(report.descriptor(fd));
      }
      for (Kernel.InetSocket socket : kernel.inet()) {
        assertEquals("traced", report.descriptor(socket.fd()).attribution(), socket::toString);
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void assertGrizzly(Report.Descriptor descriptor) {
    assertTrue(
        descriptor.culprit().json().path("class").asText().startsWith(GRIZZLY),
        () -> descriptor.culprit().toString());
  }
}
