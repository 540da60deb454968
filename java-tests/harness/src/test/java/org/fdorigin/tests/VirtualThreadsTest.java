package org.fdorigin.tests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Attempt;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.FailureJoin;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresHotspot;
import org.fdorigin.harness.RequiresStandin;
import org.fdorigin.harness.Shell;
import org.fdorigin.harness.Testimony;
import org.junit.jupiter.api.Tag;

/**
 * What a virtual thread opens has its frames and never its carrier's: all of them, or, where some
 * are in the heap and who calls may hold locks, those on the stack and the reason.
 */
@RequiresAgent
@RequiresStandin
@Tag("matrix")
@Tag("stacks")
class VirtualThreadsTest {

  private static final String FROZEN = "the outer frames of the virtual thread were not on a stack";
  private static final String CROSS = "org.fdorigin.apps.probes.Ferryman.cross";

  private Kernel kernel;
  private Report report;

  @EachJdk(value = 25, since = 21)
  @RequiresHotspot
  void whereverItsFramesAre(Jdk jdk) throws IOException {
    see(jdk);
  }

  @EachJdk(value = 25, since = 21)
  @RequiresHotspot
  void whereverItsFramesAreInTheInterpreter(Jdk jdk) throws IOException {
    see(jdk, "-Xint");
  }

  /** Also where nobody may be asked for it: by a JNI library, which might hold a lock. */
  @EachJdk(value = 25, since = 21)
  @RequiresHotspot
  void theirNamesAreKnown(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(jdk)) {
      jvm.ready();
      List<Testimony> all = Testimony.parseAll(jvm.command("names").get("opened"));
      assertEquals(5, all.size(), all::toString);
      report(jvm, 1);
      for (Testimony said : all) {
        assertEquals(namesCanBeRead(jdk) ? kept(said.thread()) : "", name(said));
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(value = 25, since = 21)
  @RequiresHotspot
  void theirNamesAreKnownToALateAgent(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = builder(jdk).start()) {
      jvm.ready();
      drift(jvm, "fresh-jni"); // from now on there is a carrier
      String option = "report=" + jvm.folder().resolve("fdorigin-%p-%n.json");
      assertEquals(0, Shell.fdorigin("attach", jvm.pid(), option).end().status());
      Testimony said = drift(jvm, "fresh-jni");
      report(jvm, 1);
      assertEquals(namesCanBeRead(jdk) ? "drifter" : "", name(said));
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(value = 25, since = 21)
  @RequiresHotspot
  void noneHasAnothersNameWhileObjectsMove(Jdk jdk) throws IOException {
    storm(jdk, "-Xmx64m");
  }

  @EachJdk(value = 25, since = 21)
  @RequiresHotspot
  void norWithOtherCollectors(Jdk jdk) throws IOException {
    storm(jdk, "-XX:+UseSerialGC", "-Xmx64m");
    storm(jdk, "-XX:+UseParallelGC", "-Xmx64m");
  }

  private void storm(Jdk jdk, String... options) throws IOException {
    try (JvmUnderTest jvm = start(jdk, options)) {
      jvm.ready();
      List<Testimony> all = Testimony.parseAll(jvm.command("storm").get("opened"));
      report(jvm, 1);
      int named = 0;
      for (Testimony said : all) {
        String name = name(said);
        assertTrue(name.isEmpty() || name.equals(said.thread()), () -> said + " is called " + name);
        named += name.isEmpty() ? 0 : 1;
      }
      int least = namesCanBeRead(jdk) ? all.size() / 4 : 0;
      assertTrue(named >= least, "only " + named + " have a name");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** Where collectors move objects in pauses, which the agent can see. */
  private static boolean namesCanBeRead(Jdk jdk) {
    return !jdk.options().contains("-XX:+UseZGC") && !jdk.options().contains("-XX:+UseShenandoahGC");
  }

  /** As much of a name as a record has room for, in UTF-8. */
  private static String kept(String name) {
    int end = name.length();
    while (name.substring(0, end).getBytes(UTF_8).length > 63) {
      end--;
    }
    return name.substring(0, end);
  }

  private String name(Testimony said) {
    return checkThread(said).json().path("thread").path("name").asText();
  }

  private static JvmUnderTest start(Jdk jdk, String... options) throws IOException {
    return builder(jdk).agent().jvm(options).start();
  }

  private static JvmUnderTest.Builder builder(Jdk jdk) throws IOException {
    return JvmUnderTest.of(jdk, App.DRIFTER)
        .standin(Generation.G3)
        .jvm("-XX:+UnlockDiagnosticVMOptions", "-XX:+ShowHiddenFrames")
        // So that a virtual thread goes on where it was: the record is its carrier's.
        .jvm("-Djdk.virtualThreadScheduler.parallelism=1")
        .jvm("-Djdk.virtualThreadScheduler.maxPoolSize=1")
        .app("--hold", "--library=" + Build.natives().resolve("libferryman.so"));
  }

  private Attempt report(JvmUnderTest jvm, int number) throws IOException {
    kernel = Kernel.of(jvm.pid());
    Attempt attempt = jvm.checkpoint(1);
    assertTrue(attempt.failed(), jvm::transcript);
    report = jvm.report(number);
    return attempt;
  }

  private void see(Jdk jdk, String... options) throws IOException {
    try (JvmUnderTest jvm = start(jdk, options)) {
      jvm.ready();
      // On 21 a monitor pins, and a yield with one held does nothing.
      boolean monitorPins = jdk.feature() < 24;
      Testimony freshJdk = drift(jvm, "fresh-jdk");
      Testimony freshJni = drift(jvm, "fresh-jni");
      Testimony yieldedJdk = drift(jvm, "yielded-jdk");
      Testimony yieldedJni = drift(jvm, "yielded-jni");
      Testimony monitorJdk = drift(jvm, "monitor-jdk");
      Testimony monitorJni = drift(jvm, "monitor-jni");
      Testimony pinnedJdk = drift(jvm, "pinned-jdk");
      Testimony pinnedJni = drift(jvm, "pinned-jni");
      // Every report compares the frames of its thread with what the JVM says of them; here they
      // are part of those of the thread, and more than are compared.
      assertEquals("failed", jvm.command("surface").get("opened"));
      jvm.report(1);
      Attempt attempt = report(jvm, 2);
      FailureJoin.check(report, attempt, kernel);
      checkJdk(freshJdk);
      checkJdk(yieldedJdk);
      checkJdk(monitorJdk);
      checkJdk(pinnedJdk);
      String name = namesCanBeRead(jdk) ? "drifter" : "";
      for (Testimony said : List.of(freshJni, yieldedJni, monitorJni, pinnedJni)) {
        assertEquals(name, name(said));
      }
      checkJni(freshJni, false);
      checkJni(yieldedJni, true);
      checkJni(monitorJni, !monitorPins);
      checkJni(pinnedJni, false);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static Testimony drift(JvmUnderTest jvm, String water) {
    Testimony said = Testimony.parse(jvm.command(water).get("opened"));
    assertEquals("drifter", said.thread());
    assertTrue(said.frames().size() > 60, said::toString);
    return said;
  }

  private void checkJdk(Testimony said) {
    Report.Call origin = checkThread(said);
    assertEquals("drifter", origin.json().path("thread").path("name").asText());
    assertEquals("complete", origin.json().path("javaStack").asText());
    assertEquals(said.frames(), said.below(origin));
    String name = App.DRIFTER.mainClass() + "$Drift.landSeventyTwo";
    assertEquals(App.DRIFTER.line("jdk"), origin.frame(name).line());
  }

  private void checkJni(Testimony said, boolean frozen) {
    Report.Call origin = checkThread(said);
    assertEquals(
        List.of(CROSS), said.above(origin).stream().map(Testimony.Seen::name).toList());
    String name = App.DRIFTER.mainClass() + "$Drift.landSeventyThree";
    assertEquals(App.DRIFTER.line("jni"), origin.frame(name).line());
    List<Testimony.Seen> below = said.below(origin);
    if (frozen) {
      assertEquals(FROZEN, origin.json().path("javaStack").asText());
      assertTrue(below.size() < said.frames().size(), below::toString);
      assertEquals(said.frames().subList(0, below.size()), below);
    } else {
      assertEquals("complete", origin.json().path("javaStack").asText());
      assertEquals(said.frames(), below);
    }
  }

  private Report.Call checkThread(Testimony said) {
    Report.Call origin = said.origin(report, kernel);
    assertEquals("java", origin.json().path("thread").path("kind").asText());
    assertTrue(origin.json().path("thread").path("virtual").asBoolean(), origin.json()::toString);
    assertTrue(
        origin.javaFrames().stream()
            .noneMatch(
                frame ->
                    frame.name().contains("ForkJoin")
                        || frame.name().contains("CarrierThread")
                        || frame.name().endsWith(".runContinuation")),
        () -> "the carrier's frames: " + origin.stack());
    return origin;
  }
}
