package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.Shell;

/**
 * Reports are made of a JVM in which a thread closes and opens without a pause, and by turns of
 * another one, which cannot hold that thread up and keeps the machine as busy. How long an open
 * takes by the clock says how busy the machine is; so the kernel is asked how often the thread has
 * waited for anything but a processor, and how much of a processor each open took, which is where a
 * lock that is held for long would show.
 */
@RequiresAgent
class HoldUpTest {

  private static final int REPORTS = 12;
  private static final int HELD = 1500;

  /** The kernel may move a page in the meantime; a lock would be met in nearly every report. */
  private static final int STRAY = 2;

  /** So many times what is seen while the other JVM is asked is held up. */
  private static final int FACTOR = 4;

  /**
   * How many there were, how often they waited, and µs of a processor that the dearest took, and
   * the eighth of the dearest.
   */
  private record Beats(int count, int waits, int dearest, int eighth) {

    @Override
    public String toString() {
      return count + "/" + waits + "/" + dearest + "/" + eighth;
    }
  }

  @EachJdk
  void anOpenWaitsForNoReport(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(jdk);
        JvmUnderTest other = start(jdk)) {
      compare(jdk, jvm, other, "own", List.of());
      compare(jdk, jvm, other, "forced", List.of("--force"));
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(0, other.exit(), other::transcript);
    }
  }

  private static JvmUnderTest start(Jdk jdk) throws IOException {
    JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.METRONOME)
            .agent("summary=off")
            .app("--library=" + Build.natives().resolve("libmetronome.so"), "--held=" + HELD)
            .start();
    jvm.ready();
    return jvm;
  }

  private static void compare(
      Jdk jdk, JvmUnderTest jvm, JvmUnderTest other, String kind, List<String> words)
      throws IOException {
    Path file = jvm.folder().resolve(kind);
    Path otherFile = other.folder().resolve(kind);
    List<Beats> of = new ArrayList<>();
    List<Beats> beside = new ArrayList<>();
    for (int n = 0; n < REPORTS; n++) {
      of.add(duringReport(jvm, jvm, file, words));
      beside.add(duringReport(jvm, other, otherFile, words));
    }
    String told = jdk + " " + kind + ", beats/waits/dearest/eighth µs: " + of + ", else " + beside;
    System.out.println("held up, " + told);
    assertTrue(sum(of, Beats::waits) <= sum(beside, Beats::waits) + STRAY, told);
    assertTrue(FACTOR * sum(of, Beats::count) >= sum(beside, Beats::count), told);
    // What an interrupt takes, or the host of a virtual machine, is booked to whoever was on the
    // processor, so the dearest of all may be dear at any time. A lock would make it so in nearly
    // every report, the second cheapest too, ...
    int[] dearest = ascending(beside, Beats::dearest);
    assertTrue(ascending(of, Beats::dearest)[1] <= FACTOR * dearest[REPORTS / 2], told);
    // ... and the locks of slots, of which the thread uses more than eight, many in one report.
    int[] eighth = ascending(beside, Beats::eighth);
    assertTrue(ascending(of, Beats::eighth)[REPORTS / 2] <= FACTOR * eighth[REPORTS / 2], told);
    Report report = Report.read(file);
    // Who finds a slot locked for long gives up, and counts.
    assertEquals(0, report.json().path("coverage").path("dropped").asInt(-1));
    assertTrue(report.descriptors().size() >= HELD, told);
  }

  /** The beats of {@code jvm} while a report of {@code reported} was made. */
  private static Beats duringReport(
      JvmUnderTest jvm, JvmUnderTest reported, Path file, List<String> words) throws IOException {
    List<Object> line = new ArrayList<>(List.of("dump", "-f", "-o", file, reported.pid()));
    line.addAll(words);
    jvm.command("begin");
    Shell.Result dumped = Shell.fdorigin(line.toArray()).end();
    Map<String, String> told = jvm.command("end");
    assertEquals(0, dumped.status(), dumped::toString);
    return new Beats(
        number(told, "beats"),
        number(told, "waits"),
        number(told, "dearest"),
        number(told, "eighth"));
  }

  private static int sum(List<Beats> all, ToIntFunction<Beats> what) {
    return all.stream().mapToInt(what).sum();
  }

  private static int[] ascending(List<Beats> all, ToIntFunction<Beats> what) {
    return all.stream().mapToInt(what).sorted().toArray();
  }
}
