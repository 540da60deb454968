package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import org.fdorigin.harness.App;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.junit.jupiter.api.Tag;

/** A number belongs to whoever opened it last. */
@RequiresAgent
@RequiresStandin
@Tag("matrix")
class LifecycleTest {

  private static final String SECOND = App.LODGINGS.mainClass() + ".moveInSecondTenant";

  @EachJdk
  void aReusedNumberIsTheSecondTenants(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(jdk)) {
      int number = newSocket(jvm, "first");
      jvm.command("vacate");
      assertTrue(!Kernel.descriptors(jvm.pid()).containsKey(number));
      assertEquals(number, newSocket(jvm, "second"), "the kernel gives the lowest free number");
      checkSecondTenant(jvm, number);
    }
  }

  /** A close under a blocked reader: dup2 of a marker over the number first, the close later. */
  @EachJdk
  void aNumberThatWasClosedUnderAReaderIsTheNextTenants(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(jdk)) {
      // Once for all that the JDK opens at the first time, so that the numbers are ours after it.
      jvm.command("sleeper");
      jvm.command("evict");
      jvm.command("second");
      int port = number(jvm.command("sleeper"), "port");
      int number =
          Kernel.of(jvm.pid()).inet().stream()
              .filter(socket -> socket.connected() && socket.local().port() == port)
              .findFirst()
              .orElseThrow()
              .fd();
      assertEquals("evicted", jvm.command("evict").get("end"));
      SortedMap<Integer, String> before = Kernel.descriptors(jvm.pid());
      assertTrue(!before.containsKey(number), before::toString);
      // Lower numbers may be free as well.
      for (int i = 0; !Kernel.descriptors(jvm.pid()).containsKey(number); i++) {
        assertTrue(i < 16, () -> number + " stays free");
        jvm.command("second");
      }
      checkSecondTenant(jvm, number);
    }
  }

  private static void checkSecondTenant(JvmUnderTest jvm, int number) throws IOException {
    long inode = Kernel.of(jvm.pid()).inode(number);
    assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
    Report.Descriptor tenant = jvm.report(1).descriptor(number);
    assertEquals(inode, tenant.json().path("inode").asLong());
    assertEquals("traced", tenant.attribution());
    assertEquals("socket", tenant.origin().call());
    assertEquals(SECOND, tenant.culprit().name());
    assertEquals(App.LODGINGS.line("second-tenant"), tenant.culprit().line());
    assertTrue(
        tenant.historyCalls().stream()
            .noneMatch(Set.of("listen", "connect", "dup2", "dup3")::contains),
        () -> "nothing of the tenants before: " + tenant.historyCalls());
  }

  /** Makes the application open something, and says which new socket the kernel then has. */
  private static int newSocket(JvmUnderTest jvm, String command) throws IOException {
    Set<Integer> before = Kernel.descriptors(jvm.pid()).keySet();
    jvm.command(command);
    Kernel kernel = Kernel.of(jvm.pid());
    TreeSet<Integer> added = new TreeSet<>(kernel.sockets());
    added.removeAll(before);
    added.removeAll(kernel.unixSockets());
    assertEquals(1, added.size(), () -> before + " then " + kernel.descriptors());
    return added.first();
  }

  private static JvmUnderTest start(Jdk jdk) throws IOException {
    JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.LODGINGS).agent().standin(Generation.G3).app("--hold").start();
    jvm.ready();
    return jvm;
  }
}
