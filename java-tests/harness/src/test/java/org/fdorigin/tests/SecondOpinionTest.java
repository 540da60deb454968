package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.fdorigin.harness.SecondOpinion;
import org.fdorigin.harness.SyscallTrace;
import org.junit.jupiter.api.Tag;

/**
 * The stress once more, shorter, with strace as the witness: of every number that is open at a
 * report, both name the same call, thread and arguments.
 */
@RequiresAgent
@RequiresStandin
@Tag("matrix")
@Tag("descriptors")
class SecondOpinionTest {

  private static final int RIDERS = 12;
  private static final int TURNS = 300;
  private static final int REPORTS = 6;

  @EachJdk
  void straceAndTheReportNameTheSameMakers(Jdk jdk) throws IOException {
    SyscallTrace.assumePossible();
    List<Report> reports = new ArrayList<>();
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.CAROUSEL);
    Path file = builder.folder().resolve("strace.txt");
    long pid;
    try (JvmUnderTest jvm =
        builder
            .under(SyscallTrace.launcher(file))
            .agent("summary=off")
            .standin(Generation.G3)
            .app("--hold")
            .app("--library=" + Build.natives().resolve("libcarousel.so"))
            .app("--riders=" + RIDERS)
            .app("--turns=" + TURNS)
            .start()) {
      pid = Long.parseLong(jvm.ready().get("pid"));
      for (int n = 1; n <= REPORTS; n++) {
        Map<String, String> answer = jvm.command("ride");
        assertTrue(answer.get("held").split(",").length >= RIDERS, answer::toString);
        assertTrue(jvm.checkpoint(n).failed(), jvm::transcript);
        // Of the two processes that were started, strace is the parent.
        reports.add(Report.read(builder.folder().resolve("fdorigin-" + pid + "-" + n + ".json")));
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
    SyscallTrace trace = SyscallTrace.read(file, pid);
    int since = trace.opened(Build.agent());
    int descriptors = 0;
    for (int n = 1; n <= REPORTS; n++) {
      Report report = reports.get(n - 1);
      SyscallTrace.Moment moment = trace.reported(report.file());
      assertEquals(List.of(), SecondOpinion.differences(report, moment, since));
      descriptors += moment.steady().size();
      // It is this very moment that fits: at another one, others held the numbers.
      Report other = reports.get(n == 1 ? 1 : n - 2);
      List<String> misfits = SecondOpinion.differences(other, moment, since);
      assertTrue(misfits.size() >= RIDERS, misfits::toString);
    }
    System.out.println("second opinion, " + jdk + ": " + descriptors + " descriptors agree");
  }
}
