package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;

/** A wrong option is one clear line and no JVM; a right one is obeyed. */
@RequiresAgent
class OptionsTest {

  @EachJdk
  void anUnknownOptionNamesItsNeighbour(Jdk jdk) throws IOException {
    assertEquals(
        "fdorigin: unknown option 'repotr'; did you mean 'report'?",
        refusal(JvmUnderTest.of(jdk, App.EMPTY_HALL).bareAgent("repotr=x.json")));
  }

  @EachJdk(17)
  void anUnknownOptionWithoutNeighbour(Jdk jdk) throws IOException {
    String line = refusal(JvmUnderTest.of(jdk, App.EMPTY_HALL).bareAgent("zzzzzzzz=1"));
    assertTrue(line.contains("'zzzzzzzz'") && !line.contains("did you mean"), line);
  }

  @EachJdk(17)
  void aWrongValueIsNamedWithItsOption(Jdk jdk) throws IOException {
    for (String option :
        List.of(
            "depth=abc",
            "depth=0",
            "depth=-3",
            "depth=99999999999999999999",
            "kinds=files",
            "on=foo",
            "on=checkpoint+foo",
            "signal=SIGKILL",
            "signal=SIGQUIT",
            "signal=SIGFOO",
            "summary=maybe",
            "libc=perhaps",
            "memory=much",
            "memory=0",
            "report=",
            "depth")) {
      String line = refusal(JvmUnderTest.of(jdk, App.EMPTY_HALL).bareAgent(option));
      String key = option.replaceAll("=.*", "");
      assertTrue(line.contains("'" + key + "'"), line);
    }
  }

  @EachJdk(17)
  void aReportThatCannotBeWrittenIsRefusedAtOnce(Jdk jdk) throws IOException {
    JvmUnderTest.Builder missing = JvmUnderTest.of(jdk, App.EMPTY_HALL);
    Path absent = missing.folder().resolve("absent");
    String line = refusal(missing.bareAgent("report=" + absent.resolve("r-%n.json")));
    assertTrue(line.contains(absent.toString()), line);

    JvmUnderTest.Builder blocked = JvmUnderTest.of(jdk, App.EMPTY_HALL);
    Path file = Files.writeString(blocked.folder().resolve("file"), "in the way");
    line = refusal(blocked.bareAgent("report=" + file.resolve("r-%n.json")));
    assertTrue(line.contains(file.toString()), line);
  }

  @EachJdk
  void helpIsPrintedAndNothingStarted(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = JvmUnderTest.of(jdk, App.EMPTY_HALL).bareAgent("help").start()) {
      jvm.awaitExit();
      assertNotStarted(jvm);
      String said = String.join("\n", jvm.outLines()) + String.join("\n", jvm.errLines());
      for (String option :
          List.of(
              "report", "on", "kinds", "depth", "libc", "summary", "signal", "memory", "help")) {
        assertTrue(said.matches("(?s).*\\b" + option + "\\b.*"), option + " is not in the help");
      }
    }
  }

  @EachJdk(17)
  void goodOptionsStartTheJvm(Jdk jdk) throws IOException {
    for (String options :
        new String[] {
          null,
          "",
          "summary=off",
          "on=checkpoint,kinds=sockets,depth=3,memory=4m",
          "memory=2048k",
          "libc=off"
        }) {
      try (JvmUnderTest jvm = JvmUnderTest.of(jdk, App.EMPTY_HALL).bareAgent(options).start()) {
        jvm.ready();
        assertEquals(0, jvm.exit(), jvm::transcript);
        assertEquals(List.of(), jvm.errLines());
      }
    }
  }

  @EachJdk(17)
  void optionsAlsoComeByTheEnvironment(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.EMPTY_HALL)
            .environment("JAVA_TOOL_OPTIONS", "-agentpath:" + Build.agent() + "=repotr=x.json")
            .start()) {
      assertNotEquals(0, jvm.awaitExit());
      assertNotStarted(jvm);
      assertTrue(
          jvm.errLines().contains("fdorigin: unknown option 'repotr'; did you mean 'report'?"),
          jvm::transcript);
    }
  }

  /** The default report path, and the percent signs of a given one. */
  @EachJdk(17)
  @RequiresStandin
  void theReportGoesWhereItShould(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = failing(JvmUnderTest.of(jdk, App.TURNSTILE).bareAgent(null))) {
      assertTrue(jvm.checkpoint(1).failed());
      assertEquals(List.of("fdorigin-" + jvm.pid() + "-1.json"), jvm.reportFiles());
      Report.read(jvm.reportFile(1));
    }
    String name = "report=%h_%p_%n_%t_fdorigin.json";
    try (JvmUnderTest jvm = failing(JvmUnderTest.of(jdk, App.TURNSTILE).bareAgent(name))) {
      assertTrue(jvm.checkpoint(1).failed());
      String host = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
      String prefix = host + "_" + jvm.pid() + "_1_";
      assertEquals(1, jvm.reportFiles().size());
      String file = jvm.reportFiles().get(0);
      assertTrue(file.startsWith(prefix), file);
      assertTrue(file.substring(prefix.length()).matches("\\d[\\dTZ:.-]+_fdorigin\\.json"), file);
      Report.read(jvm.folder().resolve(file));
    }
  }

  @EachJdk(17)
  @RequiresStandin
  void aFolderThatVanishesLaterIsOneLineAndTheApplicationGoesOn(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.TURNSTILE).quiet();
    Path gone = Files.createDirectory(builder.folder().resolve("gone"));
    try (JvmUnderTest jvm =
        failing(builder.bareAgent("summary=off,report=" + gone.resolve("fdorigin-%n.json")))) {
      Files.delete(gone);
      assertTrue(jvm.checkpoint(1).failed());
      jvm.command("close");
      assertFalse(jvm.checkpoint(2).failed());
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(1, jvm.errLines().size(), jvm::transcript);
      assertTrue(jvm.errLines().get(0).startsWith("fdorigin: "), jvm::transcript);
      assertTrue(jvm.errLines().get(0).contains(gone.toString()), jvm::transcript);
      assertFalse(Files.exists(gone));
    }
  }

  @EachJdk(17)
  @RequiresStandin
  void kindsSocketsGivesStacksToSocketsAlone(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.BAZAAR).agent("kinds=sockets").standin(Generation.G3);
    Path file = Files.writeString(builder.folder().resolve("goods.txt"), "ten");
    try (JvmUnderTest jvm = builder.app("--stalls=listener,file,pipe", "--file=" + file).start()) {
      jvm.ready();
      assertTrue(jvm.attempt(1).failed());
      Report report = jvm.report(1);
      for (Report.Descriptor descriptor : report.descriptors()) {
        if (!descriptor.kind().equals("socket")) {
          assertTrue(descriptor.json().at("/origin/stack").isMissingNode(), descriptor::toString);
          assertFalse(descriptor.hasCulprit(), descriptor::toString);
        }
      }
      assertTrue(report.descriptors().stream().anyMatch(Report.Descriptor::hasCulprit));
    }
  }

  @EachJdk(17)
  @RequiresStandin
  void depthBoundsTheFramesAndTheStackSaysSo(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.BAZAAR)
            .agent("depth=2")
            .standin(Generation.G3)
            .app("--stalls=listener")
            .start()) {
      jvm.ready();
      assertTrue(jvm.attempt(1).failed());
      for (Report.Descriptor descriptor : jvm.report(1).descriptors()) {
        if (descriptor.json().has("origin") && descriptor.origin().json().has("stack")) {
          List<Report.Frame> stack = descriptor.origin().stack();
          assertTrue(descriptor.origin().javaFrames().size() <= 2, descriptor::toString);
          // No thread of a JVM opens anything two calls below its start.
          assertTrue(stack.stream().anyMatch(frame -> frame.json().path("gap").asBoolean()),
              descriptor::toString);
        }
      }
    }
  }

  @EachJdk(17)
  void onExitWorks(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.EMPTY_HALL).agent("on=exit");
    try (JvmUnderTest jvm = builder.app("--hold").start()) {
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals("exit", jvm.report(1).triggerKind());
    }
  }

  @EachJdk(17)
  void onEmfileWorks(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.HOARDER).agent("on=emfile");
    Path file = Files.writeString(builder.folder().resolve("hoard.txt"), "one");
    builder.under("prlimit", "--nofile=160").jvm("-XX:-MaxFDLimit");
    try (JvmUnderTest jvm = builder.app("--hold", "--file=" + file).start()) {
      jvm.command("hoard");
      jvm.command("hoard");
      jvm.awaitErr(line -> line.contains(jvm.reportFile(1).toString()));
      assertEquals("emfile", jvm.report(1).triggerKind());
      assertEquals(1, jvm.reportFiles().size());
      String hoarder = App.HOARDER.mainClass() + ".hoardFortySeven";
      assertTrue(
          jvm.report(1).descriptors().stream()
                  .filter(one -> one.hasCulprit() && one.culprit().name().equals(hoarder))
                  .count()
              > 50);
    }
  }

  @EachJdk(17)
  void aSignalWorks(Jdk jdk) throws IOException, InterruptedException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.EMPTY_HALL).agent("on=signal", "signal=SIGUSR2");
    try (JvmUnderTest jvm = builder.app("--hold").start()) {
      jvm.ready();
      assertEquals(
          0, new ProcessBuilder("kill", "-USR2", Long.toString(jvm.pid())).start().waitFor());
      jvm.awaitErr(line -> line.contains(jvm.reportFile(1).toString()));
      assertEquals("signal", jvm.report(1).triggerKind());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(17)
  @RequiresStandin
  void libcOnWorks(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.TURNSTILE).agent("libc=on").standin(Generation.G3);
    try (JvmUnderTest jvm = builder.app("--hold").start()) {
      jvm.command("open");
      assertTrue(jvm.checkpoint(1).failed());
      assertFalse(jvm.report(1).json().at("/coverage/libcEntries").isEmpty());
    }
  }

  /** The one line with which the agent refuses to start the JVM. */
  private static String refusal(JvmUnderTest.Builder builder) throws IOException {
    try (JvmUnderTest jvm = builder.start()) {
      assertNotEquals(0, jvm.awaitExit(), jvm::transcript);
      assertNotStarted(jvm);
      List<String> lines =
          Stream.concat(jvm.errLines().stream(), jvm.outLines().stream())
              .filter(OptionsTest::ours)
              .toList();
      assertEquals(1, lines.size(), jvm::transcript);
      assertTrue(jvm.errLines().contains(lines.get(0)), jvm::transcript);
      return lines.get(0);
    }
  }

  private static boolean ours(String line) {
    return line.startsWith("fdorigin: ");
  }

  private static void assertNotStarted(JvmUnderTest jvm) throws IOException {
    assertTrue(
        jvm.outLines().stream().noneMatch(line -> line.startsWith("READY")), jvm::transcript);
    assertTrue(
        jvm.files().stream()
            .noneMatch(name -> name.startsWith("hs_err") || name.startsWith("core")),
        () -> jvm.folder().toString());
  }

  private static JvmUnderTest failing(JvmUnderTest.Builder builder) throws IOException {
    JvmUnderTest jvm = builder.standin(Generation.G3).app("--hold").start();
    jvm.ready();
    jvm.command("open");
    return jvm;
  }
}
