package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

/**
 * Many threads open, copy, replace and close descriptors over a few numbers through functions of
 * which each has its own name. Whatever they hold at a report is attributed to the very function,
 * call and thread that made it, which the threads themselves know.
 *
 * <p>{@code -Dfdorigin.stress.turns=1000000 -Dfdorigin.stress.reports=100} is the full length.
 */
@RequiresAgent
@RequiresStandin
class StressTest {

  private static final int RIDERS = 16;
  private static final int TURNS = Integer.getInteger("fdorigin.stress.turns", 200_000);
  private static final int REPORTS = Integer.getInteger("fdorigin.stress.reports", 20);

  @EachJdk
  void noDescriptorIsAttributedToAnothersOpener(Jdk jdk) throws IOException {
    check(jdk, "libc=on");
  }

  @EachJdk(17)
  void noDescriptorIsAttributedToAnothersOpenerThroughSlots(Jdk jdk) throws IOException {
    check(jdk, "libc=off");
  }

  /** A descriptor that a thread holds, as that thread says. */
  private record Held(int fd, String function, long tid) {
    /** {@code FD:FUNCTION:TID} */
    static Held parse(String text) {
      String[] part = text.split(":");
      return new Held(Integer.parseInt(part[0]), part[1], Long.parseLong(part[2]));
    }

    /** {@code carousel_CALL_N} */
    String call() {
      return function.substring("carousel_".length(), function.lastIndexOf('_'));
    }
  }

  private static void check(Jdk jdk, String option) throws IOException {
    List<String> wrong = new ArrayList<>();
    long descriptors = 0;
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.CAROUSEL)
            .agent(option, "summary=off")
            .standin(Generation.G3)
            .app("--hold")
            .app("--library=" + Build.natives().resolve("libcarousel.so"))
            .app("--riders=" + RIDERS)
            .app("--turns=" + Math.max(1, TURNS / RIDERS / REPORTS))
            .start()) {
      jvm.ready();
      for (int n = 1; n <= REPORTS; n++) {
        Map<String, String> answer = jvm.command("ride");
        Kernel kernel = Kernel.of(jvm.pid());
        assertTrue(jvm.checkpoint(n).failed(), jvm::transcript);
        Report report = jvm.report(n);
        long dropped = report.json().path("coverage").path("dropped").asLong();
        assertEquals(0, dropped, report.file()::toString);
        for (String text : answer.get("held").split(",")) {
          Held held = Held.parse(text);
          assertTrue(kernel.descriptors().containsKey(held.fd()), held::toString);
          Report.Descriptor found = report.descriptor(held.fd());
          if (!isRight(held, found)) {
            wrong.add(held + " is " + found + " in " + report.file());
          }
          descriptors++;
        }
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
    assertEquals(List.of(), wrong);
    assertTrue(descriptors > REPORTS * RIDERS, "they hold " + descriptors);
  }

  private static boolean isRight(Held held, Report.Descriptor found) {
    if (!found.attribution().equals("traced")) {
      return false;
    }
    Report.Call origin = found.origin();
    return origin.call().equals(held.call())
        && origin.stack().get(0).name().equals(held.function())
        && origin.json().path("thread").path("tid").asLong() == held.tid()
        && origin.frame(App.CAROUSEL.mainClass() + ".rideSeventyOne").line()
            == App.CAROUSEL.line("turn");
  }
}
