package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.util.List;
import java.util.SortedMap;
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

/** The agent holds no descriptor: not when it is loaded, not after it has written a report. */
@RequiresAgent
@RequiresStandin
@Tag("matrix")
@Tag("descriptors")
class ZeroDescriptorsTest {

  @EachJdk
  void anEmptyProgram(Jdk jdk) throws IOException {
    check(jdk, App.EMPTY_HALL);
  }

  @EachJdk
  void aServer(Jdk jdk) throws IOException {
    check(jdk, App.HTTP_SERVER);
  }

  private static final int TRIES = 5;

  /**
   * The things behind the descriptors are the same in every pair of JVMs, and so are their numbers
   * in one pair at least. Not in every one: the JVM's own threads open descriptors for a moment
   * (control groups), and which of two jars comes after such a one is a race, with and without the
   * agent.
   */
  private static void check(Jdk jdk, App app) throws IOException {
    for (int n = 1; n <= TRIES; n++) {
      if (sameNumbers(jdk, app)) {
        return;
      }
    }
    fail("the numbers differed in each of " + TRIES + " pairs");
  }

  private static boolean sameNumbers(Jdk jdk, App app) throws IOException {
    boolean fails;
    SortedMap<Integer, String> readyWithout;
    SortedMap<Integer, String> laterWithout;
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, app))) {
      readyWithout = Kernel.withoutInodes(Kernel.descriptors(jvm.pid()));
      fails = jvm.checkpoint(1).failed();
      assertEquals(app != App.EMPTY_HALL, fails, jvm::transcript);
      laterWithout = Kernel.withoutInodes(Kernel.descriptors(jvm.pid()));
    }
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, app).agent())) {
      SortedMap<Integer, String> ready = Kernel.withoutInodes(Kernel.descriptors(jvm.pid()));
      assertSameThings(readyWithout, ready);
      assertEquals(fails, jvm.checkpoint(1).failed(), jvm::transcript);
      SortedMap<Integer, String> later = Kernel.withoutInodes(Kernel.descriptors(jvm.pid()));
      assertSameThings(laterWithout, later);
      if (fails) {
        Report report = jvm.report(1);
        assertEquals(0, report.json().at("/coverage/selfDescriptors").asInt(-1));
        // What the report itself was written through is not in it.
        assertEquals(
            List.copyOf(later.keySet()),
            report.descriptors().stream().map(Report.Descriptor::fd).sorted().toList());
      } else {
        assertTrue(jvm.reportFiles().isEmpty(), () -> jvm.folder().toString());
      }
      return readyWithout.equals(ready) && laterWithout.equals(later);
    }
  }

  private static void assertSameThings(
      SortedMap<Integer, String> without, SortedMap<Integer, String> with) {
    assertEquals(
        without.values().stream().sorted().toList(),
        with.values().stream().sorted().toList(),
        () -> "without: " + without + "\nwith: " + with);
  }

  private static JvmUnderTest start(JvmUnderTest.Builder builder) throws IOException {
    JvmUnderTest jvm = builder.standin(Generation.G3).app("--hold").start();
    jvm.ready();
    return jvm;
  }
}
