package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
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

/** Netty over NIO: sockets of event loops, and selectors that are busy at the checkpoint. */
@RequiresAgent
@RequiresStandin
class NettyTest {

  /** Before JDK 17 a pipe wakes a selector. */
  @EachJdk(since = 17)
  void everySocketAndSelectorHasItsOrigin(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.NETTY).agent().standin(Generation.G3).app("--hold").start()) {
      Map<String, String> ready = jvm.ready();
      int port = number(ready, "port");
      int clientPort = number(ready, "clientport");
      Kernel kernel = Kernel.of(jvm.pid());
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);
      assertTrue(
          attempt.exception().suppressed().stream()
              .anyMatch(failure -> failure.className().endsWith("$BusySelectorException")),
          jvm::transcript);

      Report report = jvm.report(1);
      FailureJoin.check(report, attempt, kernel);

      Report.Descriptor desk = report.descriptor(kernel.listener(port).fd());
      assertEquals("traced", desk.attribution());
      assertEquals("socket", desk.origin().call());
      assertEquals(
          App.NETTY.line("open-desk"),
          desk.origin().frame(App.NETTY.mainClass() + ".openDeskSeventeen").line());
      assertEquals(
          "io.netty.channel.socket.nio.NioServerSocketChannel",
          desk.culprit().json().path("class").asText());
      // Netty binds in the event loop, so that the application's frame is not there any more.
      desk.history("bind").frame("io.netty.channel.socket.nio.NioServerSocketChannel.doBind");
      desk.history("listen");
      assertEquals("LISTEN", desk.socket().path("state").asText());

      Report.Descriptor customer = report.descriptor(kernel.connection(clientPort, port).fd());
      assertEquals("socket", customer.origin().call());
      assertEquals(
          App.NETTY.line("send-customer"),
          customer.origin().frame(App.NETTY.mainClass() + ".sendCustomerNineteen").line());
      customer.history("connect").frame("io.netty.channel.socket.nio.NioSocketChannel.doConnect");
      assertEnds(customer, clientPort, port);

      Report.Descriptor accepted = report.descriptor(kernel.connection(port, clientPort).fd());
      assertTrue(List.of("accept", "accept4").contains(accepted.origin().call()));
      accepted.origin().frame("io.netty.channel.socket.nio.NioServerSocketChannel.doReadMessages");
      assertEnds(accepted, port, clientPort);
      assertPeer(jvm, customer, accepted);
      assertPeer(jvm, accepted, customer);

      List<Integer> epolls = kernel.withTarget("anon_inode:[eventpoll]");
      assertEquals(2, epolls.size());
      for (int fd : epolls) {
        Report.Descriptor epoll = report.descriptor(fd);
        assertEquals("epoll", epoll.kind());
        assertEquals("traced", epoll.attribution());
        assertTrue(List.of("epoll_create", "epoll_create1").contains(epoll.origin().call()));
        epoll.origin().frame("io.netty.channel.nio.NioEventLoop.openSelector");
        assertEquals(
            "io.netty.channel.nio.NioEventLoop", epoll.culprit().json().path("class").asText());
      }
      List<Integer> events = kernel.withTarget("anon_inode:[eventfd]");
      assertEquals(2, events.size());
      for (int fd : events) {
        Report.Descriptor event = report.descriptor(fd);
        assertEquals("eventfd", event.kind());
        assertEquals("eventfd", event.origin().call());
        event.origin().frame("io.netty.channel.nio.NioEventLoop.openSelector");
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void assertEnds(Report.Descriptor socket, int localPort, int remotePort) {
    assertTrue(socket.blocking(), socket::toString);
    assertTrue(socket.socket().path("local").asText().endsWith(":" + localPort), socket::toString);
    assertTrue(
        socket.socket().path("remote").asText().endsWith(":" + remotePort), socket::toString);
    assertEquals("ESTABLISHED", socket.socket().path("state").asText());
  }

  /** The other end of a TCP connection may be left out; a wrong one may not be told. */
  private static void assertPeer(
      JvmUnderTest jvm, Report.Descriptor socket, Report.Descriptor other) {
    JsonNode peer = socket.socket().path("peer");
    assertFalse(socket.fd() == other.fd());
    if (peer.has("pid")) {
      assertEquals(jvm.pid(), peer.path("pid").asLong());
    }
    if (peer.has("fd")) {
      assertEquals(other.fd(), peer.path("fd").asInt());
    }
    if (peer.has("inode")) {
      assertEquals(other.json().path("inode").asLong(), peer.path("inode").asLong());
    }
  }
}
