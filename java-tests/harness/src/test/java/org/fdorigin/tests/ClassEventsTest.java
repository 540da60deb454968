package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresHotspot;
import org.fdorigin.harness.RequiresStandin;

/**
 * Nothing is done for a class when it is loaded: an event of JVMTI would cost every class some
 * microseconds. Which events the agent has enabled, another agent hears, at the JVM's own functions.
 */
@RequiresAgent
@RequiresHotspot
class ClassEventsTest {

  private static final int CLASS_LOAD = 55; // jvmti.h
  private static final int CLASS_PREPARE = 56;

  @EachJdk
  void noneIsEnabledOnceTheWalkIsProven(Jdk jdk) throws IOException {
    Heard heard = run(JvmUnderTest.of(jdk, App.LAMPLIGHTER).jvm(wiretap()).agent());
    assertFalse(heard.enabled.contains(CLASS_LOAD), heard::toString);
    assertFalse(heard.enabled.contains(CLASS_PREPARE), heard::toString);
    // The first comparison needs it: the other agent hears.
    assertTrue(heard.ever.contains(CLASS_PREPARE), heard::toString);
  }

  /** Then the JVM's own walker is asked, which answers only who listens to them. */
  @EachJdk(17)
  @RequiresStandin
  void loadingIsListenedToWhereTheWalkIsNotProven(Jdk jdk) throws IOException {
    String forger = Build.natives().resolve("libforger.so").toString();
    Heard heard =
        run(
            JvmUnderTest.of(jdk, App.LAMPLIGHTER)
                .jvm(wiretap(), "-agentpath:" + forger + "=ConstMethod::_constants=8")
                .agent()
                .standin(Generation.G3));
    assertTrue(heard.enabled.contains(CLASS_LOAD), heard::toString);
  }

  private static String wiretap() {
    return "-agentpath:" + Build.natives().resolve("libwiretap.so");
  }

  private record Heard(Set<Integer> enabled, Set<Integer> ever) {}

  private static Heard run(JvmUnderTest.Builder builder) throws IOException {
    try (JvmUnderTest jvm = builder.start()) {
      jvm.ready();
      assertEquals(0, jvm.exit(), jvm::transcript);
      return new Heard(events(jvm, "enabled"), events(jvm, "ever"));
    }
  }

  private static Set<Integer> events(JvmUnderTest jvm, String what) {
    String begin = "wiretap: " + what;
    List<String> lines = jvm.errLines().stream().filter(line -> line.startsWith(begin)).toList();
    assertEquals(1, lines.size(), jvm::transcript);
    return Stream.of(lines.get(0).substring(begin.length()).trim().split(" "))
        .filter(number -> !number.isEmpty())
        .map(Integer::valueOf)
        .collect(Collectors.toSet());
  }
}
