package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Attempt;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.fdorigin.harness.Shell;

/** The agent comes into a JVM that runs, by {@code fdorigin attach} or jcmd, and is asked there. */
@RequiresAgent
class AttachTest {

  private static final int DUMPS_UNDER_LOAD = Integer.getInteger("fdorigin.stress.reports", 20);
  /** Where no table of the VM leads from a thread to the kernel's, its short name is all. */
  private static final String VETERAN =
      Build.hotspotOff() ? "the-veteran-of-" : "the-veteran-of-many-summers";

  private static final String MAIN = Build.hotspotOff() ? "java" : "main";
  private static final String CLASS = App.LATECOMER.mainClass();

  private static JvmUnderTest.Builder latecomer(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.LATECOMER);
    return builder.app("--hold", "--folder=" + builder.folder());
  }

  private static JvmUnderTest started(JvmUnderTest.Builder builder) throws IOException {
    JvmUnderTest jvm = builder.start();
    jvm.ready();
    return jvm;
  }

  private static String reportOption(JvmUnderTest jvm) {
    return "report=" + jvm.folder().resolve("fdorigin-%p-%n.json");
  }

  private static void attach(JvmUnderTest jvm) throws IOException {
    Shell.Result result = Shell.fdorigin("attach", jvm.pid(), reportOption(jvm)).end();
    assertEquals(0, result.status(), () -> result + jvm.transcript());
  }

  private static Report dump(JvmUnderTest jvm) throws IOException {
    return Report.read(Path.of(Shell.fdorigin("dump", jvm.pid()).end().answer()));
  }

  /** What the kernel says that this file's descriptor is. */
  private static int fdOf(JvmUnderTest jvm, String name) throws IOException {
    List<Integer> found =
        Kernel.of(jvm.pid()).withTarget(jvm.folder().resolve(name).toString());
    assertEquals(1, found.size(), () -> name + " in " + found);
    return found.get(0);
  }

  private static void checkTraced(
      JvmUnderTest jvm, Report report, String file, String method, String mark, String thread)
      throws IOException {
    Report.Descriptor descriptor = report.descriptor(fdOf(jvm, file));
    assertEquals("traced", descriptor.attribution(), descriptor::toString);
    assertEquals(CLASS + "." + method, descriptor.culprit().name(), descriptor::toString);
    assertEquals(App.LATECOMER.line(mark), descriptor.culprit().line());
    assertEquals(thread, descriptor.origin().json().path("thread").path("name").asText());
    assertEquals("java", descriptor.origin().json().path("thread").path("kind").asText());
  }

  /** What an attach may leave in the folders of the JVM. */
  private static void checkNothingLeft(JvmUnderTest jvm) throws IOException {
    TreeSet<String> left = new TreeSet<>();
    for (Path folder : List.of(Path.of("/tmp"), jvm.folder())) {
      try (Stream<Path> all = Files.list(folder)) {
        all.map(path -> path.getFileName().toString())
            .filter(
                name ->
                    name.equals(".attach_pid" + jvm.pid())
                        || name.startsWith(".fdorigin-" + jvm.pid() + "-"))
            .forEach(left::add);
      }
    }
    assertEquals(new TreeSet<>(), left);
  }

  @EachJdk
  void aLateAgentTellsOldDescriptorsFromNewOnes(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = started(latecomer(jdk))) {
      SortedMap<Integer, String> before = Kernel.descriptors(jvm.pid());
      attach(jvm);
      jvm.command("open");
      jvm.command("order");
      Map<String, String> visit = jvm.command("visit");
      Report report = dump(jvm);
      assertEquals("attach", report.triggerKind());
      assertEquals("attach", report.json().path("coverage").path("since").asText());
      for (int fd : before.keySet()) {
        assertEquals("inherited", report.descriptor(fd).attribution(), before.get(fd));
      }
      checkTraced(jvm, report, "new", "openLateSeventyOne", "open-late", MAIN);
      checkTraced(
          jvm,
          report,
          "veteran",
          "openForVeteranSeventyTwo",
          "open-veteran",
          VETERAN);
      // The accept was called before the agent came, and returned after.
      Report.Descriptor let =
          report.descriptor(
              Kernel.of(jvm.pid()).connection(number(visit, "port"), number(visit, "from")).fd());
      assertEquals("untraced", let.attribution(), let::toString);
      assertTrue(
          let.json().path("reason").asText().contains("under way when the agent came"),
          let::toString);
      assertEquals(0, report.json().path("coverage").path("selfDescriptors").asInt(-1));
      checkNothingLeft(jvm);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  void jcmdLoadsTheAgentAndAsksIt(Jdk jdk) throws IOException {
    Path jcmd = jdk.home().resolve("bin/jcmd");
    assumeTrue(Files.isExecutable(jcmd), "this JDK has no jcmd");
    try (JvmUnderTest jvm = started(latecomer(jdk))) {
      List<String> load =
          List.of(jcmd.toString(), "" + jvm.pid(), "JVMTI.agent_load", Build.agent().toString());
      // jcmd takes what stands before a bare = for a name of its own.
      Shell.Result bare = Shell.begin(with(load, reportOption(jvm))).end();
      assertTrue(bare.out().contains("return code: -1"), bare::toString);
      assertTrue(
          jvm.awaitErr(line -> line.startsWith("fdorigin: ")).contains("jcmd wants"),
          jvm::transcript);
      Shell.Result loaded = Shell.begin(with(load, "\"" + reportOption(jvm) + "\"")).end();
      assertTrue(loaded.out().contains("return code: 0"), loaded::toString);
      jvm.command("open");
      Shell.Result dumped = Shell.begin(with(load, "dump")).end();
      assertTrue(dumped.out().contains("return code: 0"), dumped::toString);
      checkTraced(jvm, jvm.report(1), "new", "openLateSeventyOne", "open-late", MAIN);
    }
  }

  private static List<String> with(List<String> words, String another) {
    return Stream.concat(words.stream(), Stream.of(another)).toList();
  }

  /** Entries are patched while threads run through them, and reports are made while they do. */
  @EachJdk
  void aJvmThatOpensWithoutPauseDoesNotNotice(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = started(latecomer(jdk))) {
      jvm.command("hurry");
      attach(jvm);
      jvm.command("open");
      jvm.command("order");
      int old = fdOf(jvm, "old");
      long opened = 0;
      for (int n = 0; n < DUMPS_UNDER_LOAD; n++) {
        Report report = dump(jvm);
        assertEquals("inherited", report.descriptor(old).attribution());
        checkTraced(jvm, report, "new", "openLateSeventyOne", "open-late", MAIN);
        checkTraced(
            jvm,
            report,
            "veteran",
            "openForVeteranSeventyTwo",
            "open-veteran",
            VETERAN);
        for (Report.Descriptor descriptor : report.descriptors()) {
          // A runner's, whenever it is met, is the runner's or nobody's.
          if (descriptor.json().path("target").asText().endsWith("/busy")
              && descriptor.attribution().equals("traced")) {
            assertEquals(
                CLASS + ".runToAndFroSeventyThree", descriptor.culprit().name(), jvm::transcript);
          }
        }
        Files.delete(report.file());
        long now = number(jvm.command("count"), "opened");
        assertTrue(now > opened, "nothing was opened during a dump");
        opened = now;
      }
      assertEquals("none", jvm.command("rest").get("failure"), jvm::transcript);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  void aSecondAttachChangesWhatCanChange(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = started(latecomer(jdk))) {
      attach(jvm);
      Report first = dump(jvm);
      Path elsewhere = jvm.folder().resolve("elsewhere.json");
      Shell.Result result =
          Shell.fdorigin("attach", jvm.pid(), "report=" + elsewhere, "libc=off", "summary=off").end();
      assertEquals(0, result.status(), result::toString);
      assertTrue(
          result.err().stream().anyMatch(line -> line.contains("option 'libc' stays on")),
          result::toString);
      int lines = jvm.errLines().size();
      // Of a JVM in a mount namespace of its own this is the path that leads there from here.
      Path named =
          jdk.hasOwnUsr() ? Path.of("/proc/" + jvm.pid() + "/root" + elsewhere) : elsewhere;
      assertEquals(named, dump(jvm).file());
      Report second = Report.read(elsewhere);
      assertEquals(lines, jvm.errLines().size(), jvm::transcript);
      for (String key : List.of("libcEntries", "refused", "slots")) {
        assertEquals(
            first.json().path("coverage").path(key), second.json().path("coverage").path(key), key);
      }
      jvm.command("open");
      checkTraced(jvm, dump(jvm), "new", "openLateSeventyOne", "open-late", MAIN);
    }
  }

  @EachJdk
  void aWrongOptionIsToldToWhoeverAttaches(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = started(latecomer(jdk))) {
      Shell.Result wrong = Shell.fdorigin("attach", jvm.pid(), "repotr=x").end();
      assertEquals(2, wrong.status());
      assertEquals(
          List.of("fdorigin: unknown option 'repotr'; did you mean 'report'?"), wrong.err());
      Shell.Result nowhere =
          Shell.fdorigin("attach", jvm.pid(), "report=" + jvm.folder() + "/none/r.json").end();
      assertEquals(2, nowhere.status(), nowhere::toString);
      Shell.Result none = Shell.fdorigin("dump", jvm.pid()).end();
      assertEquals(4, none.status(), none::toString);
      attach(jvm);
      assertEquals(2, Shell.fdorigin("attach", jvm.pid(), "depth=many").end().status());
      jvm.command("open");
      checkTraced(jvm, dump(jvm), "new", "openLateSeventyOne", "open-late", MAIN);
      checkNothingLeft(jvm);
    }
  }

  @EachJdk
  void aReportGoesWhereTheCommandIsTold(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = started(latecomer(jdk).agent())) {
      jvm.command("open");
      Path file = jvm.folder().resolve("mine.json");
      assertEquals(
          file.toString(), Shell.fdorigin("dump", jvm.pid(), "-o", file).end().answer());
      Report report = Report.read(file);
      checkTraced(jvm, report, "new", "openLateSeventyOne", "open-late", "main");
      assertEquals("startup", report.json().path("coverage").path("since").asText());
      // The connection of whoever asks is the JVM's own.
      List<Report.Descriptor> asking =
          report.descriptors().stream()
              .filter(
                  one ->
                      one.json()
                          .path("origin")
                          .path("thread")
                          .path("name")
                          .asText()
                          .equals("Attach Listener"))
              .toList();
      assertFalse(asking.isEmpty());
      assertTrue(asking.stream().noneMatch(Report.Descriptor::hasCulprit), asking::toString);
      Shell.Result again = Shell.fdorigin("dump", jvm.pid(), "-o", file).end();
      assertEquals(2, again.status(), again::toString);
      Shell.Result out = Shell.fdorigin("dump", jvm.pid(), "-o", "-").end();
      assertEquals("{", out.out().get(0));
      assertEquals(List.of(), jvm.reportFiles());
      checkNothingLeft(jvm);
    }
  }

  /** As an upgrade replaces it, and as a cleaner removes it. */
  @EachJdk
  void anAgentWhoseFileWasReplacedOrRemovedIsAsked(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = latecomer(jdk);
    Path library = Files.copy(Build.agent(), builder.folder().resolve("libfdorigin.so"));
    builder.jvm("-agentpath:" + library + "=report=" + builder.folder() + "/fdorigin-%p-%n.json");
    try (JvmUnderTest jvm = started(builder)) {
      jvm.command("open");
      Path newer = Files.copy(Build.agent(), jvm.folder().resolve("newer"));
      Files.move(newer, library, StandardCopyOption.REPLACE_EXISTING);
      assertTrue(mappings(jvm).contains(library + " (deleted)"), jvm::transcript);
      checkTraced(jvm, dump(jvm), "new", "openLateSeventyOne", "open-late", "main");
      Files.delete(library);
      checkTraced(jvm, dump(jvm), "new", "openLateSeventyOne", "open-late", "main");
      attach(jvm);
      Report forced =
          Report.read(
              Path.of(
                  Shell.fdorigin(
                          "dump", "--force", jvm.pid(), "-o", jvm.folder().resolve("forced.json"))
                      .end()
                      .answer()));
      checkTraced(jvm, forced, "new", "openLateSeventyOne", "open-late", "main");
      assertFalse(mappings(jvm).lines().anyMatch(line -> line.endsWith("/libfdorigin.so")));
      checkNothingLeft(jvm);
    }
  }

  private static String mappings(JvmUnderTest jvm) throws IOException {
    return Files.readString(Path.of("/proc/" + jvm.pid() + "/maps"));
  }

  @EachJdk
  void twoCommandsAtOnceAreBothServed(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = started(latecomer(jdk))) {
      Shell one = Shell.fdorigin("attach", jvm.pid(), reportOption(jvm));
      Shell two = Shell.fdorigin("attach", jvm.pid(), reportOption(jvm));
      assertEquals(0, one.end().status(), one.end()::toString);
      assertEquals(0, two.end().status(), two.end()::toString);
      one = Shell.fdorigin("dump", jvm.pid());
      two = Shell.fdorigin("dump", jvm.pid());
      assertNotEquals(one.end().answer(), two.end().answer());
      Report.read(Path.of(one.end().answer()));
      Report.read(Path.of(two.end().answer()));
      checkNothingLeft(jvm);
    }
  }

  /** The JVM is stopped, so that the command waits; then the command is ended, politely or not. */
  @EachJdk
  void aCommandThatIsEndedMidWayLeavesTheJvmAlone(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = started(latecomer(jdk))) {
      attach(jvm);
      for (boolean forcibly : new boolean[] {false, true}) {
        Shell dump = Shell.fdorigin("dump", jvm.pid());
        signal("-STOP", jvm.pid());
        // On a busy machine it may have come to its end before.
        if (forcibly) {
          dump.process().toHandle().destroyForcibly();
        } else {
          dump.process().toHandle().destroy();
        }
        dump.end();
        signal("-CONT", jvm.pid());
      }
      jvm.command("open");
      checkTraced(jvm, dump(jvm), "new", "openLateSeventyOne", "open-late", MAIN);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  void whatCannotBeAskedIsToldAndLeftAlone(Jdk jdk) throws Exception {
    checkRefused(jdk, "DisableAttachMechanism", "-XX:+DisableAttachMechanism");
    checkRefused(
        jdk, "DisableAttachMechanism", "-XX:+DisableAttachMechanism", "-XX:-UsePerfData");
    checkRefused(jdk, "SIGQUIT", "-Xrs");
    checkRefused(jdk, "EnableDynamicAgentLoading", "-XX:-EnableDynamicAgentLoading");
    try (JvmUnderTest jvm = started(latecomer(jdk))) {
      signal("-STOP", jvm.pid());
      while (!Files.readString(Path.of("/proc/" + jvm.pid() + "/status")).contains("T (stopped)")) {
        Thread.onSpinWait();
      }
      checkRefusal(jvm, "is stopped");
      signal("-CONT", jvm.pid());
      jvm.command("open");
    }
    Shell.Result noJvm = Shell.fdorigin("attach", ProcessHandle.current().parent().get().pid()).end();
    assertEquals(4, noJvm.status(), noJvm::toString);
  }

  private static void checkRefused(Jdk jdk, String word, String... options) throws IOException {
    try (JvmUnderTest jvm = started(latecomer(jdk).jvm(options))) {
      checkRefusal(jvm, word);
      jvm.command("open");
      // A JVM that does not know what SIGQUIT is for prints its threads.
      assertFalse(
          jvm.outLines().stream().anyMatch(line -> line.contains("Full thread dump")),
          jvm::transcript);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void checkRefusal(JvmUnderTest jvm, String word) throws IOException {
    Shell.Result result = Shell.fdorigin("attach", jvm.pid(), reportOption(jvm)).end();
    assertEquals(4, result.status(), result::toString);
    assertEquals(1, result.err().size(), result::toString);
    assertTrue(result.err().get(0).contains(word), result::toString);
    checkNothingLeft(jvm);
  }

  @EachJdk
  void rootServesAnotherUsersJvm(Jdk jdk) throws IOException {
    assumeRoot();
    assumeFalse(jdk.hasOwnUsr(), "another user may not put its /usr in place");
    JvmUnderTest.Builder builder = latecomer(jdk);
    Files.setPosixFilePermissions(
        builder.folder(), java.nio.file.attribute.PosixFilePermissions.fromString("rwxrwxrwx"));
    builder.under("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");
    try (JvmUnderTest jvm = started(builder)) {
      Path library = Files.copy(Build.agent(), jvm.folder().resolve("libfdorigin.so"));
      Shell.Result result =
          Shell.fdorigin("attach", jvm.pid(), reportOption(jvm), "--agent-path", library).end();
      assertEquals(0, result.status(), () -> result + jvm.transcript());
      jvm.command("open");
      Report report = dump(jvm);
      checkTraced(jvm, report, "new", "openLateSeventyOne", "open-late", MAIN);
      assertEquals(65534, Files.getAttribute(report.file(), "unix:uid"));
      checkNothingLeft(jvm);
    }
  }

  /** A container as its host sees it. */
  @EachJdk
  void aJvmInNamespacesOfItsOwnIsServed(Jdk jdk) throws IOException {
    assumeRoot();
    JvmUnderTest.Builder builder = latecomer(jdk);
    builder.under(
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--mount",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        // An empty /tmp, into which this checkout is put back if it lies there.
        "mount --rbind \"$1\" /mnt && mount -t tmpfs none /tmp && mkdir -p \"$1\""
            + " && mount --rbind /mnt \"$1\" && cd \"$2\" && shift 2 && exec \"$@\"",
        "sh",
        Build.apps().resolve("../..").normalize().toString(),
        builder.folder().toString());
    try (JvmUnderTest unshare = builder.start()) {
      assertEquals("1", unshare.ready().get("pid"), unshare::transcript);
      long pid =
          ProcessHandle.of(unshare.pid()).get().children().findFirst().orElseThrow().pid();
      Shell.Result result = Shell.fdorigin("attach", pid, "report=/tmp/fds-%p-%n.json").end();
      assertEquals(0, result.status(), () -> result + unshare.transcript());
      unshare.command("open");
      String path = Shell.fdorigin("dump", pid).end().answer();
      assertEquals("/proc/" + pid + "/root/tmp/fds-1-1.json", path);
      Report report = Report.read(Path.of(path));
      Report.Descriptor late =
          report.descriptor(
              Kernel.of(pid).withTarget(unshare.folder().resolve("new").toString()).get(0));
      assertEquals(CLASS + ".openLateSeventyOne", late.culprit().name());
      try (Stream<Path> tmp = Files.list(Path.of("/proc/" + pid + "/root/tmp"))) {
        assertEquals(
            List.of(".java_pid1", "fds-1-1.json"),
            tmp.map(file -> file.getFileName().toString())
                .filter(name -> name.startsWith(".") || name.startsWith("fds"))
                .sorted()
                .toList());
      }
    }
  }

  /** The native of the checkpoint is bound by the first attempt, before the agent comes. */
  @EachJdk(17)
  @RequiresStandin
  void aLateAgentReportsTheNextFailedCheckpoint(Jdk jdk) throws IOException {
    for (Generation generation : Generation.values()) {
      try (JvmUnderTest jvm = started(latecomer(jdk).standin(generation))) {
        jvm.checkpoint(1);
        attach(jvm);
        jvm.command("open");
        Attempt attempt = jvm.checkpoint(2);
        assertTrue(attempt.failed(), jvm::transcript);
        Report report = jvm.report(1);
        assertEquals("checkpoint-failure", report.triggerKind());
        checkTraced(jvm, report, "new", "openLateSeventyOne", "open-late", MAIN);
      }
    }
  }

  private static void assumeRoot() {
    assumeTrue(System.getProperty("user.name").equals("root"), "needs root");
  }

  private static void signal(String name, long pid) throws IOException {
    assertEquals(0, Shell.begin(List.of("kill", name, "" + pid)).end().status());
  }
}
