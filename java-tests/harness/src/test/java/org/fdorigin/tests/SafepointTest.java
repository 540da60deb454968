package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
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

/**
 * A hook must wait for nobody: its caller may hold a lock that the VM thread wants during a
 * safepoint, or one that the hook itself would need. Here the VM thread, in an event at a
 * safepoint, waits for the thread that opens and says whether that came; and malloc opens with its
 * own lock held.
 */
@RequiresAgent
@RequiresStandin
class SafepointTest {

  @EachJdk
  void anOpenComesThroughWhileTheVmStandsStill(Jdk jdk) throws IOException {
    open(jdk, "libc=on", "open");
  }

  @EachJdk(17)
  void anOpenThroughASlotComesThroughWhileTheVmStandsStill(Jdk jdk) throws IOException {
    open(jdk, "libc=off", "open");
  }

  @EachJdk(value = 25, since = 21)
  void anOpenOfAVirtualThreadComesThroughWhileTheVmStandsStill(Jdk jdk) throws IOException {
    open(jdk, "libc=on", "open-virtual");
  }

  private static void open(Jdk jdk, String option, String command) throws IOException {
    try (JvmUnderTest jvm = standstill(jdk).agent(option).standin(Generation.G3).start()) {
      jvm.ready();
      Map<String, String> answer = jvm.command(command);
      assertEquals("true", answer.get("through"), "the opener waited for the safepoint's end");
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Report.Descriptor file = jvm.report(1).descriptor(number(answer, "fd"));
      assertEquals("traced", file.attribution(), file::toString);
      assertEquals("open", file.origin().call());
      assertEquals("standstill_open", file.origin().stack().get(0).name());
      if (file.origin().json().path("javaStack").asText().equals("complete")) {
        assertEquals(
            App.STANDSTILL.line("open"),
            file.origin().frame(App.STANDSTILL.mainClass() + ".openFiftyThree").line());
      } else {
        assertTrue(file.origin().javaFrames().isEmpty(), file::toString);
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  void mallocsOpenComesThroughWhileTheVmStandsStill(Jdk jdk) throws IOException {
    release(jdk, "release");
  }

  /** Who asks for memory there waits for a lock of its own. */
  @EachJdk
  void mallocsOpenComesThroughWhileTheVmRuns(Jdk jdk) throws IOException {
    release(jdk, "release-calmly");
  }

  /** Malloc's own open, which it makes once per process, with the lock of an arena held. */
  private static void release(Jdk jdk, String command) throws IOException {
    try (JvmUnderTest jvm =
        standstill(jdk)
            .agent("libc=on")
            // Nobody else gives memory back, so that this once is ours; each thread has an arena.
            .environment(
                "GLIBC_TUNABLES",
                "glibc.malloc.trim_threshold=8388608:glibc.malloc.arena_max=256")
            .start()) {
      jvm.ready();
      Map<String, String> answer = jvm.command(command);
      assertEquals("true", answer.get("through"), "malloc did not come back");
      assertEquals("true", answer.get("opened"), "malloc has not opened what it opens once");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static JvmUnderTest.Builder standstill(Jdk jdk) throws IOException {
    return JvmUnderTest.of(jdk, App.STANDSTILL)
        .app("--hold", "--library=" + Build.natives().resolve("libstandstill.so"));
  }
}
