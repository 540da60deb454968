package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
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
 * Reports that no checkpoint asks for: at the end of the JVM, when numbers run out, on a signal and
 * through the C interface, also several in one process.
 */
@RequiresAgent
class TriggersTest {

  private static final String MISER = App.COURIER.mainClass() + ".lambda$hoardEightyThree$";
  private static final String POST = App.COURIER.mainClass() + ".openSeventySeven";

  // --- on=exit

  @EachJdk
  void theEndOfMainIsReported(Jdk jdk) throws IOException {
    checkExit(jdk, "exit", 0, "DestroyJavaVM");
  }

  @EachJdk
  void systemExitIsReported(Jdk jdk) throws IOException {
    checkExit(jdk, "system-exit", 8, "main");
  }

  @EachJdk
  void haltIsReported(Jdk jdk) throws IOException {
    checkExit(jdk, "halt", 9, "main");
  }

  private static void checkExit(Jdk jdk, String command, int status, String thread)
      throws IOException {
    try (JvmUnderTest jvm = courier(JvmUnderTest.of(jdk, App.COURIER).agent("on=exit"))) {
      int port = number(jvm.command("open"), "port");
      Kernel kernel = Kernel.of(jvm.pid());
      jvm.tell(command);
      assertEquals(status, jvm.awaitExit(), jvm::transcript);
      assertEquals(1, jvm.reportFiles().size(), jvm::transcript);
      checkPost(jvm.report(1), "exit", thread, kernel, port);
    }
  }

  @EachJdk(17)
  @RequiresStandin
  void theReportsOfAllTriggersAreCountedTogether(Jdk jdk) throws Exception {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.COURIER)
            .agent("on=exit+checkpoint,signal=SIGUSR1")
            .standin(Generation.G3)
            .app("--agent=" + Build.agent());
    try (JvmUnderTest jvm = courier(builder)) {
      jvm.command("open");
      assertTrue(jvm.checkpoint(1).failed());
      signal(jvm, "USR1");
      jvm.awaitErr(line -> line.contains(jvm.reportFile(2).toString()));
      assertEquals("0", jvm.command("here").get("result"));
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(
          List.of("checkpoint-failure", "signal", "api", "exit"),
          List.of(
              jvm.report(1).triggerKind(),
              jvm.report(2).triggerKind(),
              jvm.report(3).triggerKind(),
              jvm.report(4).triggerKind()));
      assertEquals(4, jvm.reportFiles().size());
    }
  }

  // --- on=emfile

  /**
   * The process has no number left when each of four reports is written; they are complete all the
   * same, and the kernel's view of the process is not changed by them.
   */
  @EachJdk
  void aReportIsWrittenWhereNoNumberIsLeft(Jdk jdk) throws Exception {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.COURIER)
            .agent("on=emfile+exit,signal=SIGUSR1")
            .app("--agent=" + Build.agent());
    Path file = Files.writeString(builder.folder().resolve("hoard.txt"), "one");
    builder.under("prlimit", "--nofile=170").jvm("-XX:-MaxFDLimit").app("--file=" + file);
    try (JvmUnderTest jvm = courier(builder)) {
      int port = number(jvm.command("open"), "port");
      jvm.command("children");
      int opened = number(jvm.command("hoard"), "opened");
      SortedMap<Integer, String> full = Kernel.descriptors(jvm.pid());
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(full.lastKey() >= 169, full::toString);
      jvm.awaitErr(line -> line.contains(jvm.reportFile(1).toString()));
      checkHoard(jvm.report(1), "emfile", full, file, opened);
      assertEquals("miser", jvm.report(1).json().at("/trigger/thread").asText());
      assertEquals(opened, number(jvm.command("hoard"), "opened"));

      signal(jvm, "USR1");
      jvm.awaitErr(line -> line.contains(jvm.reportFile(2).toString()));
      checkHoard(jvm.report(2), "signal", full, file, opened);
      assertEquals("0", jvm.command("here").get("result"));
      checkHoard(jvm.report(3), "api", full, file, opened);
      checkPost(jvm.report(3), "api", "main", kernel, port);

      assertEquals(full, Kernel.descriptors(jvm.pid()));
      // Nothing that the host could have waited for was there, or is.
      assertEquals(Map.of("signals", "0", "waited", "10"), jvm.command("children"));
      assertEquals(0, jvm.exit(), jvm::transcript);
      checkHoard(jvm.report(4), "exit", full, file, opened);
      assertEquals(4, jvm.reportFiles().size(), "one for the first open that failed, and no other");
    }
  }

  private static void checkHoard(
      Report report, String kind, SortedMap<Integer, String> full, Path file, int opened) {
    assertEquals(kind, report.triggerKind());
    assertEquals(
        List.copyOf(full.keySet()),
        report.descriptors().stream().map(Report.Descriptor::fd).sorted().toList());
    int hoarded = 0;
    for (Report.Descriptor descriptor : report.descriptors()) {
      assertEquals(full.get(descriptor.fd()), descriptor.json().path("target").asText());
      if (descriptor.json().path("target").asText().equals(file.toString())) {
        ++hoarded;
        assertEquals("traced", descriptor.attribution(), descriptor::toString);
        assertTrue(descriptor.culprit().name().startsWith(MISER), descriptor::toString);
        assertEquals(App.COURIER.line("hoard"), descriptor.culprit().line());
        assertTrue(
            descriptor.origin().stack().stream().anyMatch(frame -> frame.name().equals("handleOpen")),
            "native symbols are read from files");
        assertFalse(descriptor.culprit().json().path("jar").asText().isEmpty());
      }
    }
    assertEquals(opened, hoarded);
    assertEquals(0, report.json().at("/coverage/selfDescriptors").asInt(-1));
    assertFalse(report.json().at("/process/commandLine").isEmpty(), "it is read from a file");
  }

  // --- signal=

  @EachJdk
  void aSignalIsHandedOnToTheHandlerThatWasThere(Jdk jdk) throws Exception {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.COURIER)
            .jvm("-agentpath:" + library() + "=signal=10")
            .agent("on=none", "signal=SIGUSR1");
    try (JvmUnderTest jvm = courier(builder)) {
      Kernel kernel = Kernel.of(jvm.pid());
      for (int n = 1; n <= 3; n++) {
        Path report = jvm.reportFile(n);
        signal(jvm, "USR1");
        jvm.awaitErr(line -> line.contains(report.toString()));
        assertEquals(n, number(jvm.command("handled"), "count"));
        assertEquals("signal", jvm.report(n).triggerKind());
        assertEquals(
            List.copyOf(kernel.descriptors().keySet()),
            jvm.report(n).descriptors().stream().map(Report.Descriptor::fd).sorted().toList());
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(3, jvm.reportFiles().size());
    }
  }

  /** The handler runs where the signal finds the thread: mostly inside malloc. */
  @EachJdk
  void signalsInsideMallocDoNoHarm(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.COURIER)
            .jvm("-agentpath:" + library() + "=signal=10")
            .agent("on=exit", "signal=SIGUSR1", "summary=off");
    try (JvmUnderTest jvm = courier(builder)) {
      assertEquals("200", jvm.command("storm").get("sent"));
      assertEquals("200", jvm.command("handled").get("count"));
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertTrue(
          jvm.errLines().stream().noneMatch(line -> line.startsWith("fdorigin")), jvm::transcript);
      int reports = jvm.reportFiles().size();
      // Those that come while one is being begun are one.
      assertTrue(reports >= 2 && reports <= 201, () -> reports + " reports");
      for (int n = 1; n < reports; n++) {
        assertEquals("signal", jvm.report(n).triggerKind());
      }
      assertEquals("exit", jvm.report(reports).triggerKind());
    }
  }

  /** SIGUSR2 is the signal by which HotSpot stops threads, as its flight recorder does. */
  @EachJdk
  void theVmKeepsTheSignalThatItNeeds(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm =
        courier(JvmUnderTest.of(jdk, App.COURIER).agent("on=none", "signal=SIGUSR2"))) {
      assertEquals("true", jvm.command("sample").get("seen"), jvm::transcript);
      assertEquals(List.of(), jvm.reportFiles(), "the recorder's signals are not ours");
      signal(jvm, "USR2");
      jvm.awaitErr(line -> line.contains(jvm.reportFile(1).toString()));
      assertEquals("signal", jvm.report(1).triggerKind());
      assertEquals("true", jvm.command("sample").get("seen"), jvm::transcript);
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertEquals(1, jvm.reportFiles().size());
    }
  }

  // --- fdorigin_dump()

  @EachJdk
  void theCInterfaceServesEveryThread(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.COURIER).agent("on=none");
    Path to = builder.folder().resolve("asked-%p.json");
    builder.app("--agent=" + Build.agent(), "--to=" + to);
    try (JvmUnderTest jvm = courier(builder)) {
      Path written = jvm.folder().resolve("asked-" + jvm.pid() + ".json");
      int port = number(jvm.command("open"), "port");
      Kernel kernel = Kernel.of(jvm.pid());
      assertEquals("0", jvm.command("here").get("result"));
      checkPost(Report.read(written), "api", "main", kernel, port);
      Files.delete(written);

      assertEquals("0", jvm.command("thread").get("result"));
      checkPost(Report.read(written), "api", "stranger", kernel, port);
      // Written over.
      assertEquals(Map.of("first", "0", "second", "0"), jvm.command("both"));
      Report.read(written);
      Files.delete(written);

      assertEquals("-1", jvm.command("child").get("result"), "a child does not report");
      assertFalse(Files.exists(written));
      assertEquals(List.of(), jvm.reportFiles());
      assertEquals(kernel.descriptors(), Kernel.descriptors(jvm.pid()));
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(17)
  void whatCannotBeWrittenIsSaid(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.COURIER).agent("on=none,summary=off");
    Path to = builder.folder().resolve("absent").resolve("asked.json");
    try (JvmUnderTest jvm =
        courier(builder.app("--agent=" + Build.agent(), "--to=" + to))) {
      assertEquals("-3", jvm.command("here").get("result"));
      assertEquals(0, jvm.exit(), jvm::transcript);
      // JDK 24 and later warn of a program that loads a library.
      List<String> said =
          jvm.errLines().stream().filter(line -> line.startsWith("fdorigin: ")).toList();
      assertEquals(1, said.size(), jvm::transcript);
      assertTrue(said.get(0).contains(to.toString()), jvm::transcript);
    }
  }

  /** While the VM is not there yet, and when it is there no more. */
  @EachJdk
  void theCInterfaceServesBeforeAndAfterTheVm(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.COURIER).agent("on=none");
    Path early = builder.folder().resolve("early.json");
    Path late = builder.folder().resolve("late.json");
    builder
        .jvm("-agentpath:" + library() + "=early=" + Build.agent() + ";" + early)
        .app("--agent=" + Build.agent(), "--to=" + late);
    try (JvmUnderTest jvm = courier(builder)) {
      int port = number(jvm.command("open"), "port");
      Kernel kernel = Kernel.of(jvm.pid());
      assertTrue(jvm.errLines().contains("early: 0"), jvm::transcript);
      assertEquals("api", Report.read(early).triggerKind());
      assertTrue(Report.read(early).find(0).isPresent());
      assertEquals("0", jvm.command("late").get("result"));
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertTrue(jvm.errLines().contains("late: 0"), jvm::transcript);
      Report.Descriptor post = Report.read(late).descriptor(kernel.listener(port).fd());
      assertEquals(POST, post.culprit().name(), "without the VM, by the name that was kept");
      assertEquals(App.COURIER.line("post"), post.culprit().line());
    }
  }

  private static void checkPost(
      Report report, String kind, String thread, Kernel kernel, int port) {
    assertEquals(kind, report.triggerKind());
    assertEquals(thread, report.json().at("/trigger/thread").asText());
    Report.Descriptor post = report.descriptor(kernel.listener(port).fd());
    assertEquals("traced", post.attribution(), post::toString);
    assertEquals(POST, post.culprit().name());
    assertEquals(App.COURIER.line("post"), post.culprit().line());
    assertFalse(post.culprit().json().path("jar").asText().isEmpty(), post::toString);
  }

  private static JvmUnderTest courier(JvmUnderTest.Builder builder) throws IOException {
    JvmUnderTest jvm = builder.app("--hold", "--library=" + library()).start();
    jvm.ready();
    return jvm;
  }

  private static Path library() {
    return Build.natives().resolve("libcourier.so");
  }

  private static void signal(JvmUnderTest jvm, String name)
      throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(jvm.pid())).start();
    assertEquals(0, kill.waitFor());
  }
}
