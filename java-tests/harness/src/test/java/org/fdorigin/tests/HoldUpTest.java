package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.Shell;

/**
 * Reports are made while a thread opens and closes without a pause. How long an open takes by the
 * clock says how busy the machine is; so the kernel is asked how often that thread has waited for
 * anything but a processor, and how much of a processor each open took, which is where a lock that
 * is held for long would show.
 */
@RequiresAgent
class HoldUpTest {

  private static final int REPORTS = 8;
  /** The kernel may move a page in the meantime; a lock would be met in each report. */
  private static final int STRAY = 2;

  private static final int MOST_REPORTS = 100;
  private static final int HELD = 1500;

  @EachJdk
  void anOpenWaitsForNoReport(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.METRONOME)
            .agent("summary=off")
            .app("--library=" + Build.natives().resolve("libmetronome.so"), "--held=" + HELD);
    Path folder = builder.folder();
    try (JvmUnderTest jvm = builder.start()) {
      jvm.ready();
      int during = 0;
      int duringForced = 0;
      // On a busy machine the thread may have had no processor while a report was made.
      for (int n = 0; n < REPORTS || (during == 0 || duringForced == 0) && n < MOST_REPORTS; n++) {
        during += dump(jvm, "-o", folder.resolve("own"));
        duringForced += dump(jvm, "--force", "-o", folder.resolve("forced"));
      }
      assertTrue(during > 0 && duringForced > 0, "nothing was opened during a report");
      Map<String, String> told = jvm.command("halt");
      System.out.println("held up, " + jdk + ": " + told);
      assertTrue(number(told, "waits") <= STRAY, told::toString);
      assertTrue(number(told, "long") <= STRAY, told::toString);
      for (String file : new String[] {"own", "forced"}) {
        Report report = Report.read(folder.resolve(file));
        // Who finds a slot locked for long gives up, and counts.
        assertEquals(0, report.json().path("coverage").path("dropped").asInt(-1));
        assertTrue(report.descriptors().size() >= HELD, file);
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** How many files were opened in the meantime. */
  private static int dump(JvmUnderTest jvm, Object... words) throws IOException {
    int before = number(jvm.command("count"), "beats");
    Shell.Result dumped =
        Shell.fdorigin(
                Stream.concat(Stream.of("dump", "-f", jvm.pid()), Arrays.stream(words)).toArray())
            .end();
    assertEquals(0, dumped.status(), dumped::toString);
    return number(jvm.command("count"), "beats") - before;
  }
}
