package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Attempt;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.FailureJoin;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.junit.jupiter.api.Tag;

/**
 * Children close every descriptor that they inherited, in memory which they may share with their
 * parent; the parent's table must not follow them, and they write no reports.
 */
@RequiresAgent
@RequiresStandin
@Tag("matrix")
class ChildrenTest {

  @EachJdk
  void posixSpawn(Jdk jdk) throws IOException {
    check(jdk, "POSIX_SPAWN");
  }

  @EachJdk
  void vfork(Jdk jdk) throws IOException {
    check(jdk, "VFORK");
  }

  @EachJdk
  void fork(Jdk jdk) throws IOException {
    check(jdk, "FORK");
  }

  private static void check(Jdk jdk, String mechanism) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.NURSERY)
            .agent()
            .standin(Generation.G3)
            .jvm("-Djdk.lang.Process.launchMechanism=" + mechanism)
            .app("--hold")
            .start()) {
      int port = number(jvm.ready(), "port");
      Map<String, String> answer = jvm.command("children");
      assertEquals(answer.get("children"), answer.get("wellBehaved"), jvm::transcript);
      Kernel kernel = Kernel.of(jvm.pid());
      SortedMap<Integer, String> open = kernel.descriptors();
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);

      Report report = jvm.report(1);
      FailureJoin.check(report, attempt, kernel);
      Report.Descriptor cradle = report.descriptor(kernel.listener(port).fd());
      assertEquals("traced", cradle.attribution(), cradle::toString);
      assertEquals("socket", cradle.origin().call());
      assertEquals(App.NURSERY.mainClass() + ".rockCradleFortyThree", cradle.culprit().name());
      assertEquals(App.NURSERY.line("cradle"), cradle.culprit().line());
      assertTrue(cradle.historyCalls().containsAll(List.of("bind", "listen")));
      for (Report.Descriptor descriptor : report.descriptors()) {
        // A thread of the VM's own may read how much memory there is, at any time.
        String target = descriptor.json().path("target").asText();
        boolean isOfVm =
            (target.startsWith("/sys/") || target.startsWith("/proc/"))
                && descriptor.json().at("/origin/thread/kind").asText().equals("vm");
        assertTrue(isOfVm || open.containsKey(descriptor.fd()), descriptor::toString);
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(List.of(jvm.reportFile(1).getFileName().toString()), jvm.reportFiles());
    }
  }
}
