package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresHotspot;
import org.fdorigin.harness.RequiresStandin;
import org.fdorigin.harness.Testimony;
import org.junit.jupiter.api.Tag;

/**
 * A call of libc through an address that was looked up, from generated code and past every import:
 * seen at libc's entry, and without that by what dlsym answers. And a call back into Java, of which
 * both sides are shown.
 */
@RequiresAgent
@RequiresHotspot
@RequiresStandin
@Tag("matrix")
class ForeignFunctionTest {

  private static final String INCUBATOR = "--add-modules=jdk.incubator.foreign";
  private static final String HOISTS = "ferryman_hoist";

  @EachJdk(value = 25, since = 21)
  void aDowncallIsSeenAtLibcsEntry(Jdk jdk) throws IOException {
    check(jdk, "libc=on");
  }

  @EachJdk(value = 25, since = 21)
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

  /** With the native function between the Java frames on both sides of it. */
  @EachJdk(value = 25, since = 21)
  void anUpcallIsShownInItsPlace(Jdk jdk) throws IOException {
    checkSandwich(ride(jdk, "cold"));
  }

  @EachJdk(value = 25, since = 21)
  void anUpcallThatIsGoneOftenIsShownInItsPlace(Jdk jdk) throws IOException {
    checkSandwich(ride(jdk, "warm"));
  }

  @EachJdk(17)
  void anUpcallOfTheIncubatorIsShownInItsPlace(Jdk jdk) throws IOException {
    // The way down is the stub's that newer JDKs always have only where it was compiled.
    checkSandwich(ride(incubating(jdk), "warm", INCUBATOR, "-Xbatch"));
  }

  /** Until then the JVM calls down by code whose frame none of its tables tells. */
  @EachJdk(17)
  void belowWhatTheIncubatorCallsUncompiledIsAGap(Jdk jdk) throws IOException {
    List<Report.Frame> stack = ride(incubating(jdk), "cold", INCUBATOR, "-Xint");
    List<Integer> gaps =
        IntStream.range(0, stack.size())
            .filter(i -> stack.get(i).json().path("gap").asBoolean())
            .boxed()
            .toList();
    assertEquals(1, gaps.size(), stack::toString);
    Report.Frame below = stack.get(gaps.get(0) + 1);
    assertEquals("jdk.internal.foreign.abi.ProgrammableInvoker.invokeNative", below.name());
    assertTrue(stack.stream().noneMatch(f -> f.name().equals(HOISTS)), stack::toString);
  }

  private static Jdk incubating(Jdk jdk) {
    assumeTrue(jdk.feature() == 17, "only JDK 17 has it in the incubator, and this knows it there");
    return jdk;
  }

  private static void checkSandwich(List<Report.Frame> stack) {
    assertTrue(stack.stream().noneMatch(f -> f.json().has("gap")), stack::toString);
    int hoists = stack.stream().map(Report.Frame::name).toList().indexOf(HOISTS);
    assertTrue(hoists > 0, stack::toString);
    assertTrue(stack.get(hoists - 1).java() && stack.get(hoists + 1).java(), stack::toString);
    int up = indexOf(stack, "alightEightyTwo");
    int down = indexOf(stack, "hoistEightyOne");
    assertTrue(up < hoists && hoists < down, stack::toString);
    assertEquals(App.LIFTBOY.line("up"), stack.get(up).line());
    assertEquals(App.LIFTBOY.line("down"), stack.get(down).line());
    assertTrue(!stack.get(stack.size() - 1).java(), stack::toString);
  }

  private static int indexOf(List<Report.Frame> stack, String method) {
    String name = App.LIFTBOY.mainClass() + "." + method;
    return stack.stream().map(Report.Frame::name).toList().indexOf(name);
  }

  /** What is seen of the socket, its Java frames being those of the Throwable made beside it. */
  private static List<Report.Frame> ride(Jdk jdk, String command, String... options)
      throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.LIFTBOY)
            .agent()
            .standin(Generation.G3)
            .jvm("-XX:+UnlockDiagnosticVMOptions", "-XX:+ShowHiddenFrames")
            .jvm("--enable-native-access=ALL-UNNAMED")
            .jvm(options)
            .app("--hold", "--library=" + Build.natives().resolve("libferryman.so"));
    try (JvmUnderTest jvm = builder.start()) {
      String name = jvm.ready().get("vm");
      assumeFalse(name.contains("Zero"), "Zero has no foreign function interface");
      Testimony said = Testimony.parse(jvm.command(command).get("opened"));
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Report.Call origin = said.origin(jvm.report(1), kernel);
      assertEquals("complete", origin.json().path("javaStack").asText());
      assertEquals(said.frames(), said.below(origin));
      assertEquals(0, jvm.exit(), jvm::transcript);
      return origin.stack();
    }
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
