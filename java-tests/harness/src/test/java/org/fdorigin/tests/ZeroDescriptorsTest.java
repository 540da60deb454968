package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.SortedMap;
import java.util.function.Supplier;
import org.fdorigin.harness.App;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;

/** The agent holds no descriptor: not when it is loaded, not after it has written a report. */
@RequiresAgent
@RequiresStandin
class ZeroDescriptorsTest {

  @EachJdk
  void anEmptyProgram(Jdk jdk) throws IOException {
    check(jdk, App.EMPTY_HALL, false);
  }

  @EachJdk
  void aServer(Jdk jdk) throws IOException {
    check(jdk, App.HTTP_SERVER, true);
  }

  private static void check(Jdk jdk, App app, boolean fails) throws IOException {
    SortedMap<Integer, String> readyWithout;
    SortedMap<Integer, String> laterWithout;
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, app))) {
      readyWithout = Kernel.withoutInodes(Kernel.descriptors(jvm.pid()));
      assertEquals(fails, jvm.checkpoint(1).failed(), jvm::transcript);
      laterWithout = Kernel.withoutInodes(Kernel.descriptors(jvm.pid()));
    }
    try (JvmUnderTest jvm = start(JvmUnderTest.of(jdk, app).agent())) {
      assertSame(readyWithout, Kernel.withoutInodes(Kernel.descriptors(jvm.pid())));
      assertEquals(fails, jvm.checkpoint(1).failed(), jvm::transcript);
      assertSame(laterWithout, Kernel.withoutInodes(Kernel.descriptors(jvm.pid())));
      if (fails) {
        Report report = jvm.report(1);
        assertEquals(0, report.json().at("/coverage/selfDescriptors").asInt(-1));
        // What the report itself was written through is not in it.
        assertTrue(
            laterWithout
                .keySet()
                .containsAll(report.descriptors().stream().map(Report.Descriptor::fd).toList()));
        assertEquals(laterWithout.size(), report.descriptors().size());
      } else {
        assertTrue(jvm.reportFiles().isEmpty(), () -> jvm.folder().toString());
      }
    }
  }

  /**
   * The same numbers and the same things behind them. Which of two jars has which number is up to
   * the JVM's own threads, whose short-lived descriptors (control groups) come in between.
   */
  private static void assertSame(
      SortedMap<Integer, String> expected, SortedMap<Integer, String> actual) {
    Supplier<String> both = () -> "without: " + expected + "\nwith: " + actual;
    assertEquals(expected.keySet(), actual.keySet(), both);
    assertEquals(
        expected.values().stream().sorted().toList(),
        actual.values().stream().sorted().toList(),
        both);
  }

  private static JvmUnderTest start(JvmUnderTest.Builder builder) throws IOException {
    JvmUnderTest jvm = builder.standin(Generation.G3).app("--hold").start();
    jvm.ready();
    return jvm;
  }
}
