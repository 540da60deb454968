package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.util.Map;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.RequiresAgent;
import org.junit.jupiter.api.Tag;

/**
 * The agent's own walk of Java frames sees what a Throwable made at the same place sees, and what
 * JVMTI says: the same methods at the same bytecodes on the same lines, in the same order, whatever
 * compiled or interpreted them and however they were called.
 */
@RequiresAgent
@Tag("matrix")
@Tag("stacks")
class StackWalkTest {

  @EachJdk
  void asTheJvmRunsByItself(Jdk jdk) throws IOException {
    explore(jdk, 150);
  }

  @EachJdk
  void interpreted(Jdk jdk) throws IOException {
    explore(jdk, 30, "-Xint");
  }

  @EachJdk
  void compiledByTheFirstCompilerOnly(Jdk jdk) throws IOException {
    explore(jdk, 60, "-XX:TieredStopAtLevel=1");
  }

  @EachJdk
  void compiledByTheSecondCompilerOnly(Jdk jdk) throws IOException {
    explore(jdk, 60, "-XX:-TieredCompilation");
  }

  @EachJdk
  void withACollectorThatMovesObjectsMeanwhile(Jdk jdk) throws IOException {
    explore(jdk, 60, "-XX:+UseZGC");
  }

  /** What the walk says is hidden, and nothing else, is missing in stack traces. */
  @EachJdk
  void butForTheFramesThatStackTracesLeaveOut(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        spelunker(jdk, 60).jvm("-XX:-ShowHiddenFrames").app("--hidden=left-out");
    try (JvmUnderTest jvm = builder.start()) {
      Map<String, String> seen = explored(jdk, 60, jvm);
      assertTrue(number(seen, "hidden") > 60, jvm::transcript);
    }
  }

  /** Another method, or other code, at an address that is known is not taken for the old one. */
  @EachJdk
  void whereClassesAndTheirCodeComeAndGo(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        spelunker(jdk, 60)
            .jvm("-Xbatch", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m");
    try (JvmUnderTest jvm = builder.start()) {
      checkReads(jvm);
      Map<String, String> seen = jvm.command("burrow");
      assertEquals(0, number(seen, "wrong"), jvm::transcript);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static JvmUnderTest.Builder spelunker(Jdk jdk, int trips) throws IOException {
    return JvmUnderTest.of(jdk, App.SPELUNKER)
        .jvm("-XX:+UnlockDiagnosticVMOptions", "-XX:+ShowHiddenFrames", "-Xss8m")
        .jvm("-XX:MaxJavaStackTraceDepth=8000")
        .app("--hold", "--trips=" + trips)
        .app("--library=" + Build.natives().resolve("libspelunker.so"));
  }

  private static void explore(Jdk jdk, int trips, String... options) throws IOException {
    try (JvmUnderTest jvm = spelunker(jdk, trips).jvm(options).start()) {
      explored(jdk, trips, jvm);
    }
  }

  private static void checkReads(JvmUnderTest jvm) {
    String refused = jvm.ready().get("refused");
    assumeFalse(refused.startsWith("the_Zero_VM"), "Zero has frames of its own");
    assertEquals("no", refused, jvm::transcript);
  }

  private static Map<String, String> explored(Jdk jdk, int trips, JvmUnderTest jvm) {
    checkReads(jvm);
    Map<String, String> seen = jvm.command("explore");
    assertEquals(0, number(seen, "wrong"), jvm::transcript);
    assertEquals(0, number(seen, "wrongPrepared"), jvm::transcript);
    // The comparison must have had something to compare.
    assertTrue(number(seen, "frames") > 100 * trips, jvm::transcript);
    assertTrue(number(seen, "sandwiches") > 0, jvm::transcript);
    assertTrue(number(seen, "prepared") > 0, jvm::transcript);
    if (jdk.feature() >= 21) {
      assertTrue(number(seen, "virtual") > trips, jvm::transcript);
      assertTrue(number(seen, "frozen") > 0, jvm::transcript);
    }
    assertEquals(0, jvm.exit(), jvm::transcript);
    return seen;
  }
}
