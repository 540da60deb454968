package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
 * Every generation's messages are joined with the descriptors that they are about: by number, by
 * inode, by path or by address, whichever they have.
 */
@RequiresAgent
@RequiresStandin
class GenerationsTest {

  private static final String STALLS = "--stalls=listener,connection,datagram,unbound,file,pipe";

  @EachJdk
  void oldest(Jdk jdk) throws IOException {
    checkBazaar(jdk, Generation.G0, "--api=jdk", "jdk.crac.CheckpointException");
  }

  @EachJdk
  void early(Jdk jdk) throws IOException {
    checkBazaar(jdk, Generation.G1, "--api=jdk", "jdk.crac.CheckpointException");
  }

  @EachJdk(17)
  void oldestThroughThePortableInterface(Jdk jdk) throws IOException {
    checkBazaar(jdk, Generation.G0, "--api=org", "jdk.crac.CheckpointException");
  }

  @EachJdk
  void current(Jdk jdk) throws IOException {
    checkBazaar(
        jdk,
        Generation.G3,
        "--api=jdk",
        "jdk.crac.CheckpointException",
        "jdk.internal.crac.mirror.CheckpointException");
  }

  private static void checkBazaar(Jdk jdk, Generation generation, String api, String... exceptions)
      throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.BAZAAR).agent().standin(generation);
    Path file = Files.writeString(builder.folder().resolve("good, (old).txt"), "ten");
    try (JvmUnderTest jvm = builder.app("--hold", api, STALLS, "--file=" + file).start()) {
      Map<String, String> ready = jvm.ready();
      Kernel kernel = Kernel.of(jvm.pid());
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);
      assertEquals(8, attempt.exception().suppressed().size(), jvm::transcript);

      Report report = jvm.report(1);
      assertEquals(1, jvm.reportFiles().size(), () -> "one attempt, one report: " + jvm.folder());
      assertTrue(List.of(exceptions).contains(report.exceptionClass()), report::exceptionClass);
      FailureJoin.check(report, attempt, kernel);

      int client = number(ready, "client");
      int accepted = number(ready, "accepted");
      check(
          report,
          kernel.listener(number(ready, "listener")).fd(),
          "sellListenerForSix",
          "listener",
          "socket");
      check(
          report,
          kernel.connection(client, accepted).fd(),
          "sellConnectionForSeven",
          "client",
          "socket");
      check(
          report,
          kernel.connection(accepted, client).fd(),
          "sellConnectionForSeven",
          "accepted",
          "accept",
          "accept4");
      int datagram = number(ready, "datagram");
      check(
          report,
          kernel.inet().stream()
              .filter(s -> s.table().startsWith("udp") && s.local().port() == datagram)
              .findFirst()
              .orElseThrow()
              .fd(),
          "sellDatagramForEight",
          "datagram",
          "socket");
      check(
          report,
          kernel.withTarget(file.toString()).get(0),
          "sellFileForTen",
          "file",
          "open",
          "open64",
          "openat",
          "openat64");
      // The unbound socket is the one that no table has, the pipe's ends share an inode.
      List<Integer> known = kernel.inet().stream().map(Kernel.InetSocket::fd).toList();
      List<Integer> unbound =
          kernel.sockets().stream()
              .filter(fd -> !known.contains(fd) && !kernel.unixSockets().contains(fd))
              .toList();
      assertEquals(1, unbound.size(), () -> kernel.descriptors().toString());
      check(report, unbound.get(0), "sellUnboundForNine", "unbound", "socket");
      List<Report.Descriptor> pipes =
          report.descriptors().stream()
              .filter(one -> one.kind().equals("pipe") && one.attribution().equals("traced"))
              .filter(one -> one.hasCulprit() && one.culprit().name().contains(".sellPipe"))
              .toList();
      assertEquals(2, pipes.size());
      for (Report.Descriptor pipe : pipes) {
        check(report, pipe.fd(), "sellPipeForTwelve", "pipe", "pipe", "pipe2");
        assertTrue(pipe.blocking(), pipe::toString);
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** In the newest generation their messages have two ports and no number, listening or not. */
  @EachJdk
  void socketsOfJavaNetAreFoundByTheirPorts(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.BAZAAR)
            .agent()
            .standin(Generation.G3)
            .app("--hold", "--stalls=net")
            .start()) {
      Map<String, String> ready = jvm.ready();
      int port = number(ready, "net");
      int clientPort = number(ready, "net-client");
      Kernel kernel = Kernel.of(jvm.pid());
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);
      assertEquals(3, attempt.exception().suppressed().size(), jvm::transcript);

      Report report = jvm.report(1);
      FailureJoin.check(report, attempt, kernel);
      for (Attempt.Failure failure : attempt.exception().suppressed()) {
        assertTrue(failure.message().startsWith("Socket[addr="), failure::toString);
      }
      int listener = kernel.listener(port).fd();
      int client = kernel.connection(clientPort, port).fd();
      int accepted = kernel.connection(port, clientPort).fd();
      for (int fd : List.of(listener, client, accepted)) {
        assertTrue(report.descriptor(fd).blocking(), () -> report.descriptor(fd).toString());
      }
      check(report, listener, "sellNetForThirteen", "net-listener", "socket");
      check(report, client, "sellNetForThirteen", "net-client", "socket");
      check(report, accepted, "sellNetForThirteen", "net-accepted", "accept", "accept4");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void check(Report report, int fd, String method, String mark, String... calls) {
    Report.Descriptor descriptor = report.descriptor(fd);
    assertEquals("traced", descriptor.attribution(), descriptor::toString);
    assertTrue(List.of(calls).contains(descriptor.origin().call()), descriptor::toString);
    assertEquals(App.BAZAAR.mainClass() + "." + method, descriptor.culprit().name());
    assertEquals(App.BAZAAR.line(mark), descriptor.culprit().line());
  }

  /** No generation that fails on a busy selector in Java names the sockets in it by number. */
  @EachJdk(17)
  void aBusySelectorOfTheOldestGenerationStillGivesAReport(Jdk jdk) throws IOException {
    checkBusy(jdk, Generation.G0, "java.nio.channels.IllegalSelectorException");
  }

  @EachJdk(17)
  void aBusySelectorOfAnEarlyGenerationGivesAReport(Jdk jdk) throws IOException {
    checkBusy(jdk, Generation.G1, "java.nio.channels.IllegalSelectorException");
  }

  @EachJdk
  void aBusySelectorWithAClosedChannelGivesAReport(Jdk jdk) throws IOException {
    checkBusy(jdk, Generation.G3, "sun.nio.ch.EPollSelectorImpl$BusySelectorException");
  }

  private static void checkBusy(Jdk jdk, Generation generation, String failure) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.BAZAAR)
            .agent()
            .standin(generation)
            .jvm("-Dstandin.selector.claims=false")
            .app("--hold", "--stalls=busy")
            .start()) {
      int port = number(jvm.ready(), "busy");
      Kernel kernel = Kernel.of(jvm.pid());
      Kernel.InetSocket listener = kernel.listener(port);
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);
      assertTrue(
          attempt.exception().suppressed().stream()
              .anyMatch(one -> one.className().equals(failure)),
          jvm::transcript);

      Report report = jvm.report(1);
      assertEquals(1, jvm.reportFiles().size(), () -> "one attempt, one report: " + jvm.folder());
      FailureJoin.check(report, attempt, kernel);
      check(report, listener.fd(), "sellBusyForFourteen", "busy", "socket");
      assertEquals("LISTEN", report.descriptor(listener.fd()).socket().path("state").asText());
      for (int fd : kernel.withTarget("anon_inode:[eventpoll]")) {
        check(report, fd, "sellBusyForFourteen", "selector", "epoll_create1", "epoll_create");
      }
    }
  }
}
