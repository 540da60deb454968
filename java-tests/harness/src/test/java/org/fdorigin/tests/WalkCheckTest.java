package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
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
import org.fdorigin.harness.Testimony;

/**
 * A JVM whose memory is not what its tables say is found out before any of its frames is believed;
 * those that are told then come from the JVM's own walkers, and are right. The forger moves one
 * field in the tables before the agent reads them; the perjurer has JVMTI say something else of one
 * method, which to who compares is the same.
 */
@RequiresAgent
@RequiresStandin
class WalkCheckTest {

  private static final String ZERO = "the Zero VM, whose frames are not the processor's";
  private static final String RELAY = "passOnSixtyEight";
  private static final String WHAT = "the JVM's own data, for Java stacks";

  /** The frames look sound, and have other names. */
  @EachJdk
  void namesThatAreReadWrongAreFoundOut(Jdk jdk) throws IOException {
    List<String> reasons = reasons(jdk, "Symbol::_body[0]=1");
    assertEquals(1, reasons.size(), reasons::toString);
    // The JVM's word for it is there, too.
    String reason = reasons.get(0);
    assertTrue(reason.startsWith("it differs from what the JVM says: "), reason);
    assertTrue(reason.contains("by JVMTI java/lang/Class.forName0("), reason);
  }

  /** The frames do not look like any. */
  @EachJdk
  void methodsThatAreNotFoundAreNotBelieved(Jdk jdk) throws IOException {
    assertEquals(
        List.of("it was not compared yet with what the JVM says"),
        reasons(jdk, "ConstMethod::_constants=8"));
  }

  @EachJdk
  void aJvmThatIsAsItSaysIsBelieved(Jdk jdk) throws IOException {
    assertEquals(List.of(), reasons(jdk, "Method::_vtable_index=8"));
  }

  /**
   * That interpreted frames were read right says nothing of compiled ones. These are compared by the
   * call that opens, and by nobody else: when there is a report, no such frame is on its stack.
   */
  @EachJdk
  void compiledFramesThatDifferAreFoundOutWhereTheyAreRecorded(Jdk jdk) throws IOException {
    List<String> reasons = reasonsAfterRelay(jdk, "-XX:TieredStopAtLevel=1", "-Xbatch");
    assertEquals(1, reasons.size(), reasons::toString);
    String reason = reasons.get(0);
    assertTrue(reason.startsWith("it differs from what the JVM says: "), reason);
    assertTrue(reason.contains("Lamplighter." + RELAY + "("), reason);
  }

  @EachJdk
  void thoseThatAreNotCompiledAreNotComparedThere(Jdk jdk) throws IOException {
    assertEquals(List.of(), reasonsAfterRelay(jdk, "-Xint"));
  }

  private static List<String> reasonsAfterRelay(Jdk jdk, String... options) throws IOException {
    // No other method is, so that no other stack is compared before.
    String only = "-XX:CompileCommand=compileonly,*.Lamplighter::" + RELAY;
    return reasons(
        JvmUnderTest.of(jdk, App.LAMPLIGHTER)
            .jvm("-agentpath:" + Build.natives().resolve("libperjurer.so") + "=" + RELAY)
            .jvm("-XX:CompileCommand=quiet", only)
            .jvm(options),
        "relay");
  }

  private static List<String> reasons(Jdk jdk, String forgery) throws IOException {
    return reasons(
        JvmUnderTest.of(jdk, App.LAMPLIGHTER)
            .jvm("-agentpath:" + Build.natives().resolve("libforger.so") + "=" + forgery));
  }

  /**
   * Why the JVM's data was refused after these commands, after a check that the frames are right
   * whatever they are.
   */
  private static List<String> reasons(JvmUnderTest.Builder forged, String... before)
      throws IOException {
    JvmUnderTest.Builder builder =
        forged
            .agent()
            .standin(Generation.G3)
            .jvm("-XX:+UnlockDiagnosticVMOptions", "-XX:+ShowHiddenFrames")
            .jvm("--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED")
            .jvm("--add-exports=java.base/jdk.internal.access=ALL-UNNAMED")
            .app("--hold");
    try (JvmUnderTest jvm = builder.start()) {
      jvm.ready();
      for (String command : before) {
        jvm.command(command);
      }
      Testimony lamp = Testimony.parse(jvm.command("fork-join").get("lit"));
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Report report = jvm.report(1);
      Report.Call origin = lamp.origin(report, kernel);
      assertEquals("complete", origin.json().path("javaStack").asText());
      assertEquals(lamp.frames(), lamp.below(origin));
      assertEquals(0, jvm.exit(), jvm::transcript);
      List<String> reasons = new ArrayList<>();
      for (JsonNode refused : report.json().path("coverage").path("refused")) {
        if (refused.path("what").asText().equals(WHAT)) {
          reasons.add(refused.path("reason").asText());
        }
      }
      assumeFalse(reasons.contains(ZERO), ZERO);
      return reasons;
    }
  }
}
