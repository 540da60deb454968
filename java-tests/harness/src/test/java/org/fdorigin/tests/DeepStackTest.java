package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.fdorigin.harness.Testimony;
import org.junit.jupiter.api.Tag;

/** Of a stack deeper than what is kept, both ends are there, and where it was cut is said. */
@RequiresAgent
@RequiresStandin
@Tag("stacks")
class DeepStackTest {

  private static final int RECURSION = 10_000;
  private static final int KEPT = 256; // the default of the option depth
  private static final int INNERMOST = 100;

  @EachJdk
  void bothEndsOfADeepRecursionAreKept(Jdk jdk) throws IOException {
    dive(jdk);
  }

  @EachJdk(25)
  void bothEndsOfADeepInterpretedRecursionAreKept(Jdk jdk) throws IOException {
    dive(jdk, "-Xint");
  }

  private static void dive(Jdk jdk, String... options) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.ABYSS)
            .agent()
            .standin(Generation.G3)
            .jvm("-XX:+UnlockDiagnosticVMOptions", "-XX:+ShowHiddenFrames")
            .jvm("-Xss64m", "-XX:MaxJavaStackTraceDepth=" + 2 * RECURSION)
            .jvm(options)
            .app("--hold", "--depth=" + RECURSION)
            .app("--library=" + Build.natives().resolve("libferryman.so"))
            .start()) {
      jvm.ready();
      Testimony byJdk = Testimony.parse(jvm.command("dive-jdk").get("opened"));
      Testimony byJni = Testimony.parse(jvm.command("dive-jni").get("opened"));
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Report report = jvm.report(1);
      check(byJdk, report, kernel);
      check(byJni, report, kernel);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void check(Testimony said, Report report, Kernel kernel) {
    List<Testimony.Seen> all = said.frames();
    assertTrue(all.size() > RECURSION, () -> "only " + all.size());
    assertEquals("java.lang.Thread.run", all.get(all.size() - 1).name());
    Report.Call origin = said.origin(report, kernel);
    assertEquals("diver", origin.json().path("thread").path("name").asText());
    assertEquals("truncated", origin.json().path("javaStack").asText());
    assertTrue(origin.javaFrames().size() <= KEPT, () -> origin.stack().toString());
    List<Testimony.Seen> kept = said.below(origin);
    assertTrue(kept.size() > INNERMOST, kept::toString);
    assertEquals(all.subList(0, INNERMOST), kept.subList(0, INNERMOST));

    // Where it was cut: the frame before says so, and nowhere else is there a gap.
    List<Report.Frame> java = origin.javaFrames();
    int cut = -1;
    for (int i = 0; i < java.size(); i++) {
      if (java.get(i).json().path("gap").asBoolean()) {
        assertEquals(-1, cut, () -> "a second gap: " + origin.stack());
        cut = i;
      }
    }
    assertTrue(cut >= INNERMOST && cut < java.size() - 1, "cut behind " + cut);
    int outermost = java.size() - 1 - cut;
    assertEquals(
        all.subList(all.size() - outermost, all.size()),
        kept.subList(kept.size() - outermost, kept.size()));
  }
}
