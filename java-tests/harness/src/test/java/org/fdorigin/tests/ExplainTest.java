package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.Criu;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.Shell;

/** What the real criu refuses to dump of a JVM is traced to the line that opened it. */
@RequiresAgent
class ExplainTest {

  /** In the log is the inode of the listening socket, in hexadecimal. */
  @EachJdk(17)
  void aConnectionThatNobodyAcceptedIsTracedToTheListener(Jdk jdk) throws Exception {
    Criu criu = criu();
    try (JvmUnderTest bazaar =
        start(JvmUnderTest.of(jdk, App.BAZAAR).app("--stalls=listener"))) {
      int port = JvmUnderTest.number(bazaar.ready(), "listener");
      int fd = Kernel.of(bazaar.pid()).listener(port).fd();
      try (Socket waiting = new Socket(InetAddress.getLoopbackAddress(), port)) {
        assertTrue(waiting.isConnected());
        for (String[] options : List.of(new String[] {}, new String[] {"-v4"})) {
          Path log = criu.refuse(bazaar.pid(), images(bazaar, options), options);
          assertTold(
              bazaar, log, "in-flight", fd, "inode", App.BAZAAR.mainClass() + ".sellListenerForSix");
        }
      }
      assertEquals(0, bazaar.exit(), bazaar::transcript);
    }
  }

  /** In a log with debug output the inodes of both ends are there, in decimal. */
  @EachJdk(17)
  void aUnixSocketToAnotherProcessIsTraced(Jdk jdk) throws Exception {
    assumeFalse(jdk.hasOwnUsr(), "criu complains of its mounts");
    Criu criu = criu();
    // A Unix socket's path has room for some hundred bytes only.
    Path folder = Files.createTempDirectory("fdo");
    Path path = folder.resolve("s");
    try (ServerSocketChannel office = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      office.bind(UnixDomainSocketAddress.of(path));
      try (JvmUnderTest rider =
          start(JvmUnderTest.of(jdk, App.POST_RIDER).app("--path=" + path))) {
        rider.ready();
        try (SocketChannel counter = office.accept()) {
          assertTrue(counter.isConnected());
          int fd = ride(rider);
          String culprit = App.POST_RIDER.mainClass() + ".rideOutThirtySeven";
          Path log = criu.refuse(rider.pid(), images(rider, "-v4"), "-v4");
          assertTold(rider, log, "external-unix-socket", fd, "inode", culprit);
          Path half = criu.refuse(rider.pid(), images(rider, "ext"), "--ext-unix-sk");
          assertTold(rider, half, "half-unix-stream", fd, "name", culprit);
        }
        assertEquals(0, rider.exit(), rider::transcript);
      }
    } finally {
      Files.deleteIfExists(path);
      Files.delete(folder);
    }
  }

  /** Its socket that is connected: the kernel knows its name nowhere but at the other end. */
  private static int ride(JvmUnderTest rider) throws IOException {
    Kernel kernel = Kernel.of(rider.pid());
    Path report = rider.folder().resolve("ride.json");
    assertEquals(0, Shell.fdorigin("dump", rider.pid(), "-f", "-o", report).end().status());
    JsonNode descriptors = new ObjectMapper().readTree(report.toFile()).path("descriptors");
    List<Integer> connected =
        StreamSupport.stream(descriptors.spliterator(), false)
            .filter(d -> d.path("socket").path("remote").asText().startsWith("/"))
            .map(d -> d.path("fd").asInt())
            .filter(kernel.unixSockets()::contains)
            .toList();
    assertEquals(1, connected.size(), connected::toString);
    return connected.get(0);
  }

  private static void assertTold(
      JvmUnderTest jvm, Path log, String kind, int fd, String joinedBy, String culprit)
      throws IOException {
    Path report = jvm.folder().resolve("report.json");
    assertEquals(0, Shell.fdorigin("dump", jvm.pid(), "-f", "-o", report).end().status());
    Shell.Result told = Shell.fdorigin("explain", "--json", "--criu-log", log, report).end();
    assertEquals(0, told.status(), told::toString);
    String said = Files.readString(log);
    JsonNode json = new ObjectMapper().readTree(String.join("\n", told.out()));
    assertTrue(json.path("dumpFailed").asBoolean(), said);
    List<JsonNode> complaints =
        StreamSupport.stream(json.path("complaints").spliterator(), false)
            .filter(complaint -> complaint.path("kind").asText().equals(kind))
            .toList();
    assertEquals(1, complaints.size(), () -> json.toPrettyString() + "\n" + said);
    JsonNode complaint = complaints.get(0);
    assertTrue(complaint.path("certain").asBoolean(), json::toPrettyString);
    assertEquals(joinedBy, complaint.path("joinedBy").asText());
    assertEquals(1, complaint.path("descriptors").size(), json::toPrettyString);
    JsonNode descriptor = complaint.path("descriptors").path(0);
    assertEquals(fd, descriptor.path("fd").asInt());
    assertTrue(descriptor.path("origin").asText().contains(culprit), json::toPrettyString);
    String line =
        Files.readAllLines(log).get(complaint.path("line").asInt() - 1);
    assertTrue(line.contains(complaint.path("message").asText()), line);
  }

  private static Path images(JvmUnderTest jvm, String... label) throws IOException {
    return Files.createDirectories(
        jvm.folder().resolve("images" + String.join("", label)));
  }

  /** A session of its own, for criu saves whole sessions only; no file that others map. */
  private static JvmUnderTest start(JvmUnderTest.Builder builder) throws IOException {
    return builder.agent("on=none").under("setsid").jvm("-XX:-UsePerfData").start();
  }

  private static Criu criu() throws Exception {
    assumeTrue(Build.named());
    Optional<Criu> criu = Criu.find();
    assumeTrue(criu.isPresent(), "criu is not in build/deps/criu, or cannot work here (root?)");
    return criu.get();
  }
}
