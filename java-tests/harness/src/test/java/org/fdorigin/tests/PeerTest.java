package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
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

/** Who is at the other end of a Unix socket, in another process, seen from either end. */
@RequiresAgent
@RequiresStandin
class PeerTest {

  @EachJdk(value = 17, since = 17)
  void theOtherProcessIsNamedFromBothEnds(Jdk jdk) throws IOException {
    // A Unix socket's path has room for some hundred bytes only.
    Path short_ = Files.createTempDirectory("fdo");
    Path path = short_.resolve("s");
    try (JvmUnderTest office = start(jdk, App.POST_OFFICE, path)) {
      office.ready();
      try (JvmUnderTest rider = start(jdk, App.POST_RIDER, path)) {
        rider.ready();
        office.command("accept");
        int ride = end(rider, "");
        int counter = end(office, path.toString());
        Kernel riderKernel = Kernel.of(rider.pid());
        Kernel officeKernel = Kernel.of(office.pid());
        assertTrue(rider.checkpoint(1).failed(), rider::transcript);
        assertTrue(office.checkpoint(1).failed(), office::transcript);

        Report.Descriptor fromRider = rider.report(1).descriptor(ride);
        assertEquals("socket", fromRider.origin().call());
        fromRider.history("connect");
        assertEquals(
            App.POST_RIDER.mainClass() + ".rideOutThirtySeven", fromRider.culprit().name());
        assertEquals(App.POST_RIDER.line("ride-out"), fromRider.culprit().line());
        assertPeer(fromRider, office.pid(), counter, officeKernel.inode(counter));

        Report.Descriptor fromOffice = office.report(1).descriptor(counter);
        assertTrue(List.of("accept", "accept4").contains(fromOffice.origin().call()));
        assertPeer(fromOffice, rider.pid(), ride, riderKernel.inode(ride));
        assertEquals(0, rider.exit(), rider::transcript);
      }
      assertEquals(0, office.exit(), office::transcript);
    } finally {
      Files.deleteIfExists(path);
      Files.delete(short_);
    }
  }

  private static void assertPeer(Report.Descriptor socket, long pid, int fd, long inode)
      throws IOException {
    assertEquals("unix", socket.socket().path("family").asText());
    JsonNode peer = socket.socket().path("peer");
    assertEquals(pid, peer.path("pid").asLong(), socket::toString);
    assertEquals(Kernel.comm(pid), peer.path("process").asText(), socket::toString);
    assertEquals(inode, peer.path("inode").asLong(), socket::toString);
    assertEquals(fd, peer.path("fd").asInt(-1), socket::toString);
  }

  /** The one connected Unix socket of the process whose other end is alive. */
  private static int end(JvmUnderTest jvm, String path) throws IOException {
    List<Integer> connected =
        Kernel.of(jvm.pid()).unixPeers().entrySet().stream()
            .filter(entry -> entry.getValue() != 0)
            .map(Map.Entry::getKey)
            .toList();
    assertEquals(1, connected.size(), () -> path + connected);
    return connected.get(0);
  }

  private static JvmUnderTest start(Jdk jdk, App app, Path path) throws IOException {
    return JvmUnderTest.of(jdk, app)
        .agent()
        .standin(Generation.G3)
        .app("--hold", "--path=" + path)
        .start();
  }
}
