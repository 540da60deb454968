package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.fdorigin.harness.App;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;

/**
 * The premises of the other tests: without the agent, each application starts on a stock JDK, holds
 * the descriptors that it is there for, and shuts down in order.
 */
class AppsTest {

  @EachJdk
  void httpServerListens(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = JvmUnderTest.of(jdk, App.HTTP_SERVER).app("--hold").start()) {
      int port = number(jvm.ready(), "port");
      assertEquals(port, Kernel.of(jvm.pid()).listener(port).local().port());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(since = 17)
  void nettyHoldsThreeSocketsAndTwoSelectors(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = JvmUnderTest.of(jdk, App.NETTY).app("--hold").start()) {
      Map<String, String> ready = jvm.ready();
      int port = number(ready, "port");
      int clientPort = number(ready, "clientport");
      Kernel kernel = Kernel.of(jvm.pid());
      kernel.listener(port);
      kernel.connection(clientPort, port);
      kernel.connection(port, clientPort);
      assertEquals(3, kernel.inet().size());
      assertEquals(2, kernel.withTarget("anon_inode:[eventpoll]").size());
      assertEquals(2, kernel.withTarget("anon_inode:[eventfd]").size());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(17)
  void fileInstallHoldsOneSocketPairAndOneInotify(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.FELIX).app("--hold");
    builder.app("--work=" + builder.folder());
    try (JvmUnderTest jvm = builder.start()) {
      jvm.ready();
      Kernel kernel = Kernel.of(jvm.pid());
      assertEquals(1, kernel.withTarget("anon_inode:inotify").size());
      List<Long> inodes = kernel.unixSockets().stream().map(kernel::inode).toList();
      Map<Integer, Long> peers = kernel.unixPeers();
      assertEquals(2, peers.values().stream().filter(inodes::contains).count(), peers::toString);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(17)
  void glassFishListensAndIsConnected(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = JvmUnderTest.of(jdk, App.GLASSFISH).app("--hold").start()) {
      Map<String, String> ready = jvm.ready();
      int port = number(ready, "port");
      int clientPort = number(ready, "clientport");
      Kernel kernel = Kernel.of(jvm.pid());
      kernel.listener(port);
      kernel.connection(clientPort, port);
      kernel.connection(port, clientPort);
      assertFalse(kernel.withTarget("anon_inode:[eventpoll]").isEmpty());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  void aStockJdkHasNoCheckpoints(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = JvmUnderTest.of(jdk, App.EMPTY_HALL).start()) {
      jvm.ready();
      var attempt = jvm.attempt(1);
      assertTrue(attempt.failed());
      assertEquals(UnsupportedOperationException.class.getName(), attempt.exception().className());
      assertTrue(Objects.isNull(attempt.exception().message()));
    }
  }
}
