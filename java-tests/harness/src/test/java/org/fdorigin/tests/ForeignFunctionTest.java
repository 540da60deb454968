package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.fdorigin.harness.App;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresHotspot;
import org.fdorigin.harness.RequiresStandin;
import org.junit.jupiter.api.Tag;

/**
 * A call of libc through an address that was looked up, from generated code and past every import:
 * seen at libc's entry, and without that by what dlsym answers.
 */
@RequiresAgent
@RequiresHotspot
@RequiresStandin
@Tag("matrix")
class ForeignFunctionTest {

  @EachJdk(value = 25, since = 22)
  void aDowncallIsSeenAtLibcsEntry(Jdk jdk) throws IOException {
    check(jdk, "libc=on");
  }

  @EachJdk(value = 25, since = 22)
  void aDowncallIsSeenThroughDlsym(Jdk jdk) throws IOException {
    check(jdk, "libc=off");
  }

  @EachJdk
  void jnaAndJnrAreSeenAtLibcsEntry(Jdk jdk) throws IOException {
    checkLibraries(jdk, "libc=on");
  }

  @EachJdk(17)
  void jnaAndJnrAreSeenThroughDlsym(Jdk jdk) throws IOException {
    checkLibraries(jdk, "libc=off");
  }

  /** Both have a library of their own that takes the function's address from dlsym. */
  private static void checkLibraries(Jdk jdk, String option) throws IOException {
    try (JvmUnderTest jvm = start(jdk, App.KESTREL, option)) {
      int byJna = number(jvm.command("jna"), "fd");
      int byJnr = number(jvm.command("jnr"), "fd");
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Report report = jvm.report(1);
      checkCalled(report, kernel, byJna, "jna", "stoopByJnaSixtyTwo");
      checkCalled(report, kernel, byJnr, "jnr", "stoopByJnrSixtyThree");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void checkCalled(
      Report report, Kernel kernel, int fd, String mark, String method) {
    Report.Descriptor socket = report.descriptor(fd);
    assertEquals(kernel.inode(fd), socket.json().path("inode").asLong());
    assertEquals("traced", socket.attribution(), socket::toString);
    assertEquals("socket", socket.origin().call());
    assertEquals(
        App.KESTREL.line(mark),
        socket.origin().frame(App.KESTREL.mainClass() + "." + method).line());
  }

  private static void check(Jdk jdk, String option) throws IOException {
    try (JvmUnderTest jvm = start(jdk, App.FALCONER, option)) {
      int fd = number(jvm.command("cast"), "fd");
      long inode = Kernel.of(jvm.pid()).inode(fd);
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);

      Report.Descriptor socket = jvm.report(1).descriptor(fd);
      assertEquals(inode, socket.json().path("inode").asLong());
      assertEquals("traced", socket.attribution(), socket::toString);
      assertEquals("socket", socket.origin().call());
      assertEquals("complete", socket.origin().json().path("javaStack").asText());
      assertEquals(App.FALCONER.mainClass() + ".castOffSixtyOne", socket.culprit().name());
      assertEquals(App.FALCONER.line("cast-off"), socket.culprit().line());
      assertEquals("udp", socket.socket().path("protocol").asText());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static JvmUnderTest start(Jdk jdk, App app, String option) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, app).agent(option).standin(Generation.G3).app("--hold");
    if (jdk.feature() >= 17) {
      builder.jvm("--enable-native-access=ALL-UNNAMED");
    }
    JvmUnderTest jvm = builder.start();
    jvm.ready();
    return jvm;
  }
}
