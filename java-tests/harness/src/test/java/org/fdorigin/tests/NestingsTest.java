package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.DebuggerStacks;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Nesting;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.fdorigin.harness.Testimony;

/**
 * Whatever lies between a thread's start and an open, the report shows it whole and in order: a
 * thousand random nestings of Java, JNI, the foreign function interface, lambdas and reflection.
 *
 * <p>Java frames are compared with a Throwable made in the expression that opens. Native functions
 * say their own names, and libgcc's unwinder tells where they return. And while the threads rest
 * where they have opened, {@code eu-stack} stops the process: in the JVMs whose Java code keeps
 * frame pointers it sees every native frame down to the thread's start. What the others' report
 * shows of the JVM's own frames must be something that it saw there.
 *
 * <p>{@code -Dfdorigin.nestings=100000} has more of them, {@code -Dfdorigin.nestings.seed=} others.
 */
@RequiresAgent
@RequiresStandin
class NestingsTest {

  private static final int NESTINGS = Integer.getInteger("fdorigin.nestings", 1000);
  private static final long SEED = Long.getLong("fdorigin.nestings.seed", 20_000);
  private static final int AT_ONCE = 250; // each has a thread that rests

  private static final String PROBE = App.LABYRINTH.mainClass();
  private static final String ENTRY = "Java_" + PROBE.replace('.', '_') + "_";
  private static final String FOREIGN = "labyrinth_descend";
  private static final String FROZEN = "the outer frames of the virtual thread were not on a stack";
  private static final String VIRTUAL_ENTRY = "jdk.internal.vm.Continuation.enterSpecial";

  /** How a JVM runs its Java code, and whether that keeps frame pointers. */
  private record Mode(List<String> options, boolean framePointers) {}

  private static final String FRAME_POINTERS = "-XX:+PreserveFramePointer";

  private static final List<Mode> MODES =
      List.of(
          new Mode(List.of("-Xint"), true),
          new Mode(List.of("-XX:TieredStopAtLevel=1", FRAME_POINTERS), true),
          new Mode(List.of(FRAME_POINTERS), true),
          new Mode(List.of(), false),
          new Mode(List.of("-Xcomp"), false));

  /** The frames above a function of the probe's or a Java frame, as eu-stack saw them. */
  private final Set<String> seenByDebugger = new HashSet<>();

  /** Those of the stacks through which it could not see, and the first nesting that has them. */
  private final Map<String, Nesting> notSeen = new HashMap<>();

  private int compared;
  private int sandwiches;
  private List<Report.Frame> stack;

  @EachJdk(since = 17)
  void everyNestingIsShownWholeAndInOrder(Jdk jdk) throws IOException {
    assumeFalse(jdk.hasOwnUsr(), "eu-stack would unwind by another libc's tables");
    int done = 0;
    for (int turn = 0; done < NESTINGS; turn++) {
      Mode mode = MODES.get(turn % MODES.size());
      int left = (NESTINGS - done) / Math.max(1, MODES.size() - turn);
      int count = Math.max(1, Math.min(left, AT_ONCE));
      explore(jdk, mode, count, SEED + done);
      done += count;
    }
    System.out.printf(
        "%s: %d nestings from seed %d, %d frames, %d native parts between Java frames%n",
        jdk, done, SEED, compared, sandwiches);
    if (seenByDebugger.isEmpty()) {
      System.out.println("eu-stack could not look at the JVMs: the JVM's own frames are unproven");
    } else {
      notSeen.keySet().removeAll(seenByDebugger);
      assertEquals(Map.of(), notSeen, "never seen by eu-stack");
    }
    assertTrue(compared > 30 * done, "only " + compared + " frames");
    assertTrue(sandwiches > done, "only " + sandwiches + " native parts between Java frames");
  }

  private void explore(Jdk jdk, Mode mode, int count, long seed) throws IOException {
    try (JvmUnderTest jvm = start(jdk, mode, count, seed)) {
      jvm.ready();
      jvm.command("explore");
      List<Nesting> nestings =
          Nesting.parseAll(Files.readAllLines(jvm.folder().resolve("nestings.txt")));
      assertEquals(count, nestings.size(), jvm::transcript);
      Kernel kernel = Kernel.of(jvm.pid());
      Optional<DebuggerStacks> debugger = DebuggerStacks.of(jvm.pid());
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Report report = jvm.report(1);
      for (Nesting nesting : nestings) {
        try {
          check(nesting, kernel, report, debugger, mode);
        } catch (AssertionError e) {
          String seen = debugger.map(all -> all.text(nesting.tid())).orElse("not there");
          throw new AssertionError(
              String.join(
                  "\n",
                  e.getMessage(),
                  "--- " + jdk + " " + mode + ", seed " + seed,
                  nesting.text(),
                  "--- the report's stack",
                  described(stack),
                  "--- eu-stack",
                  seen),
              e);
        }
      }
      jvm.command("release");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static JvmUnderTest start(Jdk jdk, Mode mode, int count, long seed) throws IOException {
    return JvmUnderTest.of(jdk, App.LABYRINTH)
        .agent("depth=1024")
        .standin(Generation.G3)
        .jvm("-XX:+UnlockDiagnosticVMOptions", "-XX:+ShowHiddenFrames")
        .jvm("-XX:MaxJavaStackTraceDepth=4000", "-Dsun.reflect.inflationThreshold=300")
        .jvm("--enable-native-access=ALL-UNNAMED")
        // So that a virtual thread goes on where it was: the record is its carrier's.
        .jvm("-Djdk.virtualThreadScheduler.parallelism=1")
        .jvm("-Djdk.virtualThreadScheduler.maxPoolSize=1")
        .jvm(mode.options().toArray(String[]::new))
        .app("--hold", "--warm", "--nestings=" + count, "--seed=" + seed)
        .app(
            "--libraries="
                + Build.natives().resolve("liblabyrinth.so")
                + ":"
                + Build.natives().resolve("liblabyrinth_gallery.so"))
        .start();
  }

  private void check(
      Nesting nesting,
      Kernel kernel,
      Report report,
      Optional<DebuggerStacks> debugger,
      Mode mode) {
    stack = List.of();
    int fd = nesting.fd() >= 0 ? nesting.fd() : only(kernel.withTarget(nesting.file()));
    Report.Descriptor descriptor = report.descriptor(fd);
    assertEquals("traced", descriptor.attribution(), descriptor::toString);
    Report.Call origin = descriptor.origin();
    stack = origin.stack();
    assertEquals(nesting.tid(), origin.json().path("thread").path("tid").asLong());
    boolean virtual = nesting.thread().equals("VIRTUAL");
    assertEquals(virtual, origin.json().path("thread").path("virtual").asBoolean());
    String javaStack = origin.json().path("javaStack").asText();
    // Of a virtual thread that has yielded, native code that may hold locks sees the inner frames.
    boolean frozen =
        javaStack.equals(FROZEN)
            && virtual
            && nesting.fd() >= 0
            && nesting.text().contains("YIELD");
    assertTrue(frozen || javaStack.equals("complete"), javaStack);
    assertTrue(stack.stream().noneMatch(frame -> frame.json().has("gap")), "there is a gap");
    compared += stack.size();

    checkJava(nesting, origin.javaFrames(), frozen);
    List<Run> runs = nativeRuns(stack);
    checkFunctions(nesting, runs);
    checkBoundaries(runs, virtual);
    if (debugger.isPresent() && !virtual) {
      compareWithDebugger(nesting, runs, debugger.get().parts(nesting.tid()), mode);
    }
    boolean seen = debugger.isPresent() && mode.framePointers() && !virtual;
    for (Run run : runs.subList(1, runs.size())) {
      if (seen) {
        seenByDebugger.add(notTheProbes(run).toString());
      } else {
        notSeen.putIfAbsent(notTheProbes(run).toString(), nesting);
      }
    }
  }

  /** The Throwable's frames to the thread's start, and above them what was called. */
  private static void checkJava(Nesting nesting, List<Report.Frame> java, boolean frozen) {
    List<Testimony.Seen> all = java.stream().map(Testimony.Seen::of).toList();
    int above =
        frozen ? all.indexOf(nesting.frames().get(0)) : all.size() - nesting.frames().size();
    assertTrue(above > 0, () -> "only " + all.size() + " Java frames");
    List<Testimony.Seen> below = all.subList(above, all.size());
    int seen = frozen ? below.size() : nesting.frames().size();
    assertTrue(seen <= nesting.frames().size(), () -> "too many Java frames: " + below);
    assertEquals(nesting.frames().subList(0, seen), below);
    List<String> opened = all.subList(0, above).stream().map(Testimony.Seen::name).toList();
    if (nesting.fd() < 0) {
      // The JDK's own code: down from the constructor, and nobody else's.
      assertTrue(java.get(0).json().path("native").asBoolean(), opened::toString);
      opened.forEach(name -> assertTrue(name.matches("(java|sun|jdk)\\..*"), opened::toString));
    } else if (nesting.parts().get(0).outermost().equals(FOREIGN)) {
      opened.forEach(
          name ->
              assertTrue(
                  name.startsWith("java.lang.invoke.") || name.startsWith("jdk.internal.foreign."),
                  opened::toString));
    } else {
      String called = nesting.parts().get(0).outermost();
      assertEquals(List.of(PROBE + "." + called.substring(ENTRY.length())), opened);
    }
  }

  /** A native part of the stack, and the Java frames next to it; null where there is none. */
  private record Run(Report.Frame inner, List<Report.Frame> frames, Report.Frame outer) {
    List<String> places() {
      return frames.stream().map(NestingsTest::place).toList();
    }
  }

  private static List<Run> nativeRuns(List<Report.Frame> stack) {
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < stack.size(); ) {
      int end = i;
      while (end < stack.size() && !stack.get(end).java()) {
        end++;
      }
      if (end > i) {
        runs.add(
            new Run(
                i == 0 ? null : stack.get(i - 1),
                stack.subList(i, end),
                end == stack.size() ? null : stack.get(end)));
      }
      i = end + 1;
    }
    return runs;
  }

  /** Where functions of the probe's libraries are, they are those that say that they were there. */
  private void checkFunctions(Nesting nesting, List<Run> runs) {
    int next = 0;
    for (Run run : runs) {
      if (run.frames().stream().noneMatch(frame -> place(frame).startsWith("liblabyrinth"))) {
        continue;
      }
      assertTrue(next < nesting.parts().size(), () -> "nobody was at " + described(run.frames()));
      Nesting.Part part = nesting.parts().get(next++);
      int own = part.returns().size();
      int above = run.frames().size() - own;
      assertTrue(above >= 0, () -> part + " is not all in " + described(run.frames()));
      List<Report.Frame> functions = run.frames().subList(above, run.frames().size());
      assertEquals(
          part.returns().subList(1, own),
          functions.subList(1, own).stream().map(NestingsTest::place).toList());
      for (int i = 0; i < part.functions().size(); i++) {
        assertTrue(
            isCalled(functions.get(i).name(), part.functions().get(i)),
            "the function is " + part.functions().get(i) + ", not " + functions.get(i));
      }
      String end = part.functions().get(0);
      boolean throughJni = end.startsWith("Up") && !end.equals("UpToForeign");
      assertEquals(throughJni, above > 0, () -> "above " + end + ": " + described(run.frames()));
      run.frames().subList(0, above).forEach(frame -> assertEquals("libjvm.so", module(frame)));
      if (part.outermost().startsWith(ENTRY)) {
        String method = PROBE + "." + part.outermost().substring(ENTRY.length());
        assertEquals(method, run.outer() == null ? "nothing" : run.outer().name());
      } else if (part.outermost().equals(FOREIGN)) {
        assertTrue(run.outer() != null && run.outer().name().startsWith("java.lang.invoke."));
      }
      sandwiches += run.inner() != null && run.outer() != null ? 1 : 0;
    }
    assertEquals(nesting.parts().size(), next, "native parts");
  }

  /** A native method has its native code above it, and a thread began in native code. */
  private void checkBoundaries(List<Run> runs, boolean virtual) {
    Set<Report.Frame> called = Collections.newSetFromMap(new IdentityHashMap<>());
    runs.forEach(run -> called.add(run.outer()));
    for (Report.Frame frame : stack) {
      if (frame.json().path("native").asBoolean() && !frame.name().equals(VIRTUAL_ENTRY)) {
        assertTrue(called.contains(frame), () -> "no native frames above " + frame);
      }
    }
    Run last = runs.get(runs.size() - 1);
    if (virtual) {
      assertTrue(last.outer() != null, "native frames below a virtual thread");
    } else {
      assertTrue(last.outer() == null, "no native frames at the end");
      assertEquals("libc.so.6", module(last.frames().get(last.frames().size() - 1)));
    }
  }

  /**
   * What eu-stack saw of the thread. It has come back from the call that opened, to the function
   * that had looked where it is, then opened, and now rests.
   */
  private static void compareWithDebugger(
      Nesting nesting, List<Run> runs, List<List<String>> seen, Mode mode) {
    if (nesting.fd() >= 0) {
      List<String> expected = runs.get(0).places();
      List<String> rests = seen.get(0);
      int opener = rests.size() - expected.size();
      assertTrue(opener > 0, () -> "innermost, eu-stack saw " + rests);
      assertEquals(
          rests.subList(opener + 1, rests.size()), expected.subList(1, expected.size()));
      String looked = nesting.parts().get(0).returns().get(0);
      assertTrue(
          isAfter(expected.get(0), looked) && isAfter(rests.get(opener), expected.get(0)),
          () -> looked + ", " + expected.get(0) + ", " + rests.get(opener));
    }
    if (mode.framePointers()) {
      assertEquals(
          seen.stream().skip(1).map(List::toString).collect(Collectors.joining("\n")),
          runs.stream()
              .skip(1)
              .map(run -> run.places().toString())
              .collect(Collectors.joining("\n")));
    }
  }

  /** The frames above the first of the probe's own, and that one. */
  private static List<String> notTheProbes(Run run) {
    List<String> places = new ArrayList<>();
    for (String place : run.places()) {
      places.add(place);
      if (place.startsWith("liblabyrinth")) {
        break;
      }
    }
    return places;
  }

  private static String place(Report.Frame frame) {
    return module(frame) + "+" + Long.toHexString(frame.json().path("offset").asLong());
  }

  private static String module(Report.Frame frame) {
    String path = frame.json().path("module").asText();
    return path.substring(path.lastIndexOf('/') + 1);
  }

  /** Whether a place comes after another one of the same module, and soon. */
  private static boolean isAfter(String place, String other) {
    int plus = place.indexOf('+');
    if (!other.startsWith(place.substring(0, plus + 1))) {
      return false;
    }
    long apart =
        Long.parseLong(place.substring(plus + 1), 16)
            - Long.parseLong(other.substring(plus + 1), 16);
    return apart > 0 && apart < 256;
  }

  private static boolean isCalled(String symbol, String function) {
    return symbol.equals(function) || symbol.startsWith(function + "(");
  }

  private static int only(List<Integer> found) {
    assertEquals(1, found.size());
    return found.get(0);
  }

  private static String described(List<Report.Frame> frames) {
    return frames.stream()
        .map(
            frame ->
                (frame.java() ? frame.toString() : place(frame) + " " + frame.name())
                    + (frame.json().path("gap").asBoolean() ? " (gap)" : ""))
        .collect(Collectors.joining("\n"));
  }
}
