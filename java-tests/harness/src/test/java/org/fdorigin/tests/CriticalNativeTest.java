package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
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
import org.fdorigin.harness.Testimony;

/**
 * Compiled code calls a critical native, up to JDK 17, in some versions without leaving Java as far
 * as the JVM knows. Then its frames must not be walked, and the report says so; else they are right.
 */
@RequiresAgent
@RequiresStandin
class CriticalNativeTest {

  private static final String IN_JAVA =
      "the thread was not in native code, where alone its Java frames can be walked";

  @EachJdk
  void aSocketThatACriticalNativeOpensIsTraced(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.SPRINTER)
            .agent()
            .standin(Generation.G3)
            .jvm("-Xbatch", "-XX:+IgnoreUnrecognizedVMOptions", "-XX:+CriticalJNINatives")
            .app("--hold", "--library=" + Build.natives().resolve("libferryman.so"));
    try (JvmUnderTest jvm = builder.start()) {
      jvm.ready();
      Map<String, String> answer = jvm.command("sprint");
      Testimony said = Testimony.parse(answer.get("opened"));
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Report report = jvm.report(1);
      String name = report.json().path("process").path("jvm").path("name").asText();
      assumeFalse(name.contains("Zero"), "Zero knows no critical natives");
      Report.Call origin = said.origin(report, kernel);
      boolean critical = number(answer, "critical") == 1;
      boolean compiles = answer.get("mode").equals("mixed");
      assertEquals(jdk.feature() <= 17 && compiles, critical, jvm::transcript);
      // What 17 does not do any more, 11 does: it says that the thread is in native code.
      if (critical && jdk.feature() == 17) {
        assertEquals(IN_JAVA, origin.json().path("javaStack").asText());
        assertEquals(List.of(), origin.javaFrames());
      } else {
        assertEquals("complete", origin.json().path("javaStack").asText());
        String sprint = App.SPRINTER.mainClass() + ".sprint";
        assertEquals(App.SPRINTER.line("sprint"), origin.frame(sprint).line());
        // The frame that opened was on another line when it made its Throwable.
        List<Testimony.Seen> callers = said.frames().subList(1, said.frames().size());
        List<Testimony.Seen> visible =
            origin.javaFrames().stream()
                .filter(frame -> !frame.json().path("hidden").asBoolean())
                .map(Testimony.Seen::of)
                .toList();
        assertEquals(callers, visible.subList(visible.size() - callers.size(), visible.size()));
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }
}
