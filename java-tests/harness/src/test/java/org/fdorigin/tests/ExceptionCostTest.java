package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.fdorigin.harness.App;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.RequiresAgent;

/**
 * The agent leaves the program's exceptions as fast as they are. The mere JVMTI capability for
 * Exception events makes a throw 35 to 150 times as slow on 17 and 25, and the agent once took it.
 */
@RequiresAgent
class ExceptionCostTest {

  /** Far above the noise of a busy machine, far below the price of the capability. */
  private static final double MOST = 8;

  @EachJdk
  void aThrowCostsWhatItCostWithout(Jdk jdk) throws IOException {
    try (JvmUnderTest plain = start(JvmUnderTest.of(jdk, App.ACROBAT));
        JvmUnderTest watched = start(JvmUnderTest.of(jdk, App.ACROBAT).agent())) {
      double best = Double.MAX_VALUE;
      for (int turn = 0; turn < 3; turn++) {
        double without = number(plain.command("measure"), "picoseconds");
        double with = number(watched.command("measure"), "picoseconds");
        best = Math.min(best, with / without);
      }
      assertTrue(best < MOST, "a throw takes " + best + " times as long");
    }
  }

  private static JvmUnderTest start(JvmUnderTest.Builder builder) throws IOException {
    JvmUnderTest jvm = builder.app("--hold").start();
    jvm.ready();
    return jvm;
  }
}
