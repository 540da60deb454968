package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.ForcedDump;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;

/**
 * A JVM that answers nobody is reported on from outside, and does not notice. The program is the
 * same every time: what it has opened is known by the kernel's tables, and by methods of unique
 * names.
 */
@RequiresAgent
class ForcedDumpTest {

  /** What has opened the descriptors of a program that is up, by method and mark. */
  private static final Map<String, String> OPENERS =
      Map.of(
          "moorAtQuayEightyOne", "quay",
          "sailToQuayEightyTwo", "sail",
          "watchTheTideEightyThree", "tide",
          "selectABerthEightyFour", "berth",
          "layAPipeEightyFive", "pipe",
          "openTheLogEightySix", "log");

  @EachJdk
  void aStoppedJvmIsReportedOnAndStaysStopped(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = derelict(jdk).start()) {
      int port = number(jvm.ready(), "port");
      signal("STOP", jvm.pid());
      awaitState(jvm.pid(), "T");
      Report report = check(jvm.pid(), port, jvm.folder());
      assertEquals("T", state(jvm.pid()));
      assertEquals(jvm.pid(), report.json().path("process").path("pid").asLong());
      signal("CONT", jvm.pid());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  void aJvmThatNeverLeavesItsSafepointIsReportedOn(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = derelict(jdk).start()) {
      int port = number(jvm.ready(), "port");
      jvm.tell("stick");
      jvm.ready();
      check(jvm.pid(), port, jvm.folder());
    }
  }

  @EachJdk
  void aJvmWithoutMemoryIsReportedOn(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = derelict(jdk).start()) {
      int port = number(jvm.ready(), "port");
      jvm.tell("exhaust");
      jvm.ready();
      check(jvm.pid(), port, jvm.folder());
    }
  }

  @EachJdk
  void aJvmWithoutADescriptorToSpareIsReportedOn(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = derelict(jdk).under("prlimit", "--nofile=90:90").start()) {
      jvm.ready();
      int opened = number(jvm.command("fill"), "opened");
      assertTrue(opened > 10, jvm::transcript);
      assertEquals(90, Kernel.descriptors(jvm.pid()).size());
      Report report = ForcedDump.of(jvm.pid(), jvm.folder()).report();
      assertEquals(Kernel.descriptors(jvm.pid()), targets(report));
      assertEquals(opened, openedBy(report, "stowAwayEightySeven").size());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** The signals that a command sends, and the processes that it traces: none. */
  @EachJdk(17)
  void theJvmIsNeitherStoppedNorSignalled(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = derelict(jdk).start()) {
      jvm.ready();
      Path trace = jvm.folder().resolve("calls.txt");
      List<String> strace =
          List.of(
              "strace", "-f", "-qq", "-o", trace.toString(), "-e",
              "trace=ptrace,kill,tkill,tgkill,pidfd_send_signal,process_vm_readv,process_vm_writev,"
                  + "process_madvise");
      ForcedDump dump = ForcedDump.under(strace, jvm.pid(), jvm.folder());
      assumeTrue(Files.exists(trace) && dump.status() == 0, "strace may not trace here");
      dump.report();
      List<String> calls = Files.readAllLines(trace);
      assertFalse(calls.isEmpty());
      for (String call : calls) {
        assertTrue(call.contains("process_vm_readv("), call);
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** Its own pid, mount, user, network and host name namespaces. */
  @EachJdk
  void aJvmInItsOwnNamespacesIsReportedOn(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm =
        derelict(jdk)
            .under(
                "unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--uts",
                "--net", "sh", "-c", "hostname islet && ip link set lo up && exec \"$@\"", "sh")
            .start()) {
      int port = number(jvm.ready(), "port");
      long inside = ProcessHandle.of(jvm.pid()).orElseThrow().children().findFirst().get().pid();
      Report report = check(inside, port, jvm.folder());
      assertEquals("islet", report.json().path("process").path("hostname").asText());
      assertEquals(inside, report.json().path("process").path("pid").asLong());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** As on an old kernel, and as behind a filter of a container. */
  @EachJdk(17)
  void withoutCopiesOfSocketsTheirDetailsAreMissedAndAllElseIsThere(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = derelict(jdk).start()) {
      jvm.ready();
      Report whole = ForcedDump.of(jvm.pid(), jvm.folder()).report();
      for (String fault :
          List.of("pidfd_getfd:error=ENOSYS", "pidfd_getfd:error=EPERM", "pidfd_open:error=ENOSYS")) {
        List<String> strace =
            List.of("strace", "-qq", "-o", "/dev/null", "-e", "inject=" + fault);
        ForcedDump dump = ForcedDump.under(strace, jvm.pid(), jvm.folder());
        assumeTrue(Files.exists(dump.file()), "strace may not trace here");
        assertEquals(0, dump.status(), dump::toString);
        String said = dump.err().lines().findFirst().orElse("");
        assertTrue(said.contains("addresses and peers of sockets are missing"), dump::toString);
        assertTrue(said.contains("pidfd_getfd"), said);
        Report report = Report.read(dump.file());
        assertEquals(targets(whole), targets(report));
        checkOpeners(report);
        for (Report.Descriptor descriptor : report.descriptors()) {
          assertTrue(descriptor.json().path("socket").isMissingNode(), descriptor::toString);
          ObjectNode expected = whole.descriptor(descriptor.fd()).json().deepCopy();
          expected.remove("socket");
          assertEquals(expected, descriptor.json());
        }
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** By a signal that the JVM does not catch; the kernel leaves out what files have. */
  @EachJdk
  void aCoreFileOfTheKernelsIsReportedOn(Jdk jdk) throws Exception {
    String pattern = Files.readString(Path.of("/proc/sys/kernel/core_pattern")).strip();
    assumeTrue(pattern.equals("core"), "the kernel puts core files elsewhere: " + pattern);
    try (JvmUnderTest jvm = derelict(jdk).under("prlimit", "--core=unlimited").start()) {
      jvm.ready();
      SortedMap<Integer, String> kernel = Kernel.descriptors(jvm.pid());
      signal("ABRT", jvm.pid());
      assertEquals(128 + 6, jvm.awaitExit(), jvm::transcript);
      try (Stream<Path> files = Files.list(jvm.folder())) {
        Path core =
            files
                .filter(file -> file.getFileName().toString().startsWith("core"))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no core file"));
        try {
          Report report = ForcedDump.of(core, jvm.folder()).report();
          assertEquals(kernel.keySet(), targets(report).keySet());
          assertEquals(jvm.pid(), report.json().path("process").path("pid").asLong());
          checkOpeners(report);
        } finally {
          Files.delete(core);
        }
      }
    }
  }

  @EachJdk
  void aCoreFileIsReportedOnWhenTheJvmIsDead(Jdk jdk) throws Exception {
    Path core = null;
    try (JvmUnderTest jvm = derelict(jdk).start()) {
      jvm.ready();
      SortedMap<Integer, String> kernel = Kernel.descriptors(jvm.pid());
      core = dumpCore(jvm);
      long pid = jvm.pid();
      jvm.close();
      Report report = ForcedDump.of(core, jvm.folder()).report();
      assertEquals(kernel.keySet(), targets(report).keySet());
      assertEquals(pid, report.json().path("process").path("pid").asLong());
      for (Report.Descriptor descriptor : report.descriptors()) {
        assertTrue(descriptor.json().path("unverified").asBoolean(), descriptor::toString);
        String target = kernel.get(descriptor.fd());
        if (descriptor.attribution().equals("traced")) {
          assertEquals(kindOf(target), descriptor.kind(), target);
        }
        Kernel.inode(target)
            .ifPresent(inode -> assertEquals(inode, descriptor.json().path("inode").asLong()));
      }
      checkOpeners(report);

      try (RandomAccessFile cut = new RandomAccessFile(core.toFile(), "rw")) {
        cut.setLength(8192 * 10);
      }
      ForcedDump truncated = ForcedDump.of(core, jvm.folder());
      assertEquals(3, truncated.status(), truncated::toString);
      assertTrue(truncated.err().contains("is cut short"), truncated::toString);
    } finally {
      if (core != null) {
        Files.deleteIfExists(core);
      }
    }
  }

  /** The agent's own report of the same moment says the same of every descriptor. */
  @EachJdk
  @RequiresStandin
  void theReportIsTheAgentsOwn(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = derelict(jdk).standin(Generation.G3).start()) {
      jvm.ready();
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      Report own = jvm.report(1);
      Report forced = ForcedDump.of(jvm.pid(), jvm.folder()).report();
      int compared = 0;
      for (Report.Descriptor descriptor : own.descriptors()) {
        assertEquals(
            told(own, descriptor.json()), told(forced, forced.descriptor(descriptor.fd()).json()));
        compared++;
      }
      assertTrue(compared > OPENERS.size(), jvm::transcript);
      for (String key : List.of("libcEntries", "libraries", "slots", "since", "refused")) {
        assertEquals(
            own.json().path("coverage").path(key), forced.json().path("coverage").path(key), key);
      }
      assertEquals(own.json().path("process"), forced.json().path("process"));
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(17)
  void anotherUserIsToldWhoMayAsk(Jdk jdk) throws Exception {
    try (JvmUnderTest jvm = derelict(jdk).start()) {
      jvm.ready();
      List<String> nobody =
          List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--");
      ForcedDump dump = ForcedDump.under(nobody, jvm.pid(), jvm.folder());
      assumeTrue(!dump.err().contains("setpriv"), "only root can be somebody else");
      assertEquals(4, dump.status(), dump::toString);
      assertEquals(1, dump.err().lines().count(), dump::toString);
      assertTrue(dump.err().contains("it belongs to root; ask as that user, or as root"), dump.err());
      assertFalse(Files.exists(dump.file()));
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk(17)
  void whatHasNoAgentIsToldApart(Jdk jdk) throws Exception {
    Path folder = Build.newWorkFolder("forced");
    ForcedDump dump = ForcedDump.of(ProcessHandle.current().pid(), folder);
    assertEquals(4, dump.status(), dump::toString);
    assertTrue(dump.err().contains("there is no fdorigin agent in process"), dump.err());
    ForcedDump file = ForcedDump.of(Build.command(), folder);
    assertEquals(3, file.status(), file::toString);
    assertTrue(file.err().contains("is not a core file"), file.err());
    ForcedDump missing = ForcedDump.of(folder.resolve("missing.core"), folder);
    assertEquals(3, missing.status(), missing::toString);
  }

  /** A forced report against the kernel's tables and the program's source. */
  private static Report check(long pid, int port, Path folder) throws Exception {
    Kernel kernel = Kernel.of(pid);
    Report report = ForcedDump.of(pid, folder).report();
    // A JVM that runs reads its control group's files now and then.
    var seen = kernel.descriptors().entrySet();
    var seenAfter = Kernel.descriptors(pid).entrySet();
    var reported = targets(report).entrySet();
    for (Map.Entry<Integer, String> descriptor : seen) {
      assertTrue(
          reported.contains(descriptor) || !seenAfter.contains(descriptor), descriptor::toString);
    }
    for (Map.Entry<Integer, String> descriptor : reported) {
      assertTrue(
          seen.contains(descriptor) || seenAfter.contains(descriptor), descriptor::toString);
    }
    checkOpeners(report);
    Kernel.InetSocket listener = kernel.listener(port);
    int fd = kernel.withTarget("socket:[" + listener.inode() + "]").get(0);
    Report.Descriptor quay = report.descriptor(fd);
    assertEquals(App.DERELICT.mainClass() + ".moorAtQuayEightyOne", quay.culprit().name());
    assertEquals("LISTEN", quay.socket().path("state").asText());
    assertTrue(quay.socket().path("local").asText().endsWith(":" + port), quay::toString);
    assertEquals(List.of("bind", "listen"), quay.historyCalls().subList(0, 2));
    for (Map.Entry<Integer, Long> ends : kernel.unixPeers().entrySet()) {
      JsonNode peer = report.descriptor(ends.getKey()).socket().path("peer");
      assertEquals(ends.getValue(), peer.path("inode").asLong(), () -> ends + ": " + peer);
    }
    return report;
  }

  private static void checkOpeners(Report report) {
    OPENERS.forEach(
        (method, mark) -> {
          List<Report.Descriptor> opened = openedBy(report, method);
          assertFalse(opened.isEmpty(), method);
          for (Report.Descriptor descriptor : opened) {
            assertEquals("traced", descriptor.attribution(), descriptor::toString);
            assertEquals(App.DERELICT.line(mark), descriptor.culprit().line());
            assertEquals("complete", descriptor.origin().json().path("javaStack").asText());
          }
        });
  }

  private static List<Report.Descriptor> openedBy(Report report, String method) {
    return report.descriptors().stream()
        .filter(Report.Descriptor::hasCulprit)
        .filter(d -> d.culprit().name().equals(App.DERELICT.mainClass() + "." + method))
        .toList();
  }

  private static SortedMap<Integer, String> targets(Report report) {
    SortedMap<Integer, String> targets = new TreeMap<>();
    report.descriptors().forEach(d -> targets.put(d.fd(), d.json().path("target").asText()));
    return targets;
  }

  private static String kindOf(String target) {
    int end = target.indexOf(':');
    return switch (end < 0 ? target : target.substring(0, end)) {
      case "socket", "pipe" -> target.substring(0, end);
      case "anon_inode" -> target.replaceAll("anon_inode:|\\[|]", "").replace("eventpoll", "epoll");
      default -> "file";
    };
  }

  /** What both reports can say, with the stacks in place of their ids. */
  private static JsonNode told(Report report, JsonNode descriptor) {
    ObjectNode told = descriptor.deepCopy();
    told.remove(List.of("blocking", "failures", "advice"));
    resolve(report, told);
    return told;
  }

  private static void resolve(Report report, JsonNode node) {
    if (node instanceof ObjectNode object) {
      object.remove("jar");
      if (object.path("stack").isInt()) {
        for (JsonNode stack : report.json().path("stacks")) {
          if (stack.path("id").equals(object.path("stack"))) {
            object.set("stack", stack.path("frames").deepCopy());
            break;
          }
        }
      }
    }
    node.forEach(child -> resolve(report, child));
  }

  private static Path dumpCore(JvmUnderTest jvm) throws Exception {
    Path core = jvm.folder().resolve("core." + jvm.pid());
    Process gcore =
        new ProcessBuilder("gcore", "-o", jvm.folder().resolve("core").toString(), "" + jvm.pid())
            .redirectErrorStream(true)
            .redirectOutput(jvm.folder().resolve("gcore.txt").toFile())
            .start();
    assertEquals(0, gcore.waitFor(), () -> "see " + jvm.folder().resolve("gcore.txt"));
    return core;
  }

  private static void signal(String name, long pid) throws Exception {
    assertEquals(0, new ProcessBuilder("kill", "-" + name, "" + pid).start().waitFor());
  }

  private static String state(long pid) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
      if (line.startsWith("State:")) {
        return line.substring("State:".length()).strip().substring(0, 1);
      }
    }
    throw new AssertionError("no state of " + pid);
  }

  private static void awaitState(long pid, String wanted) throws IOException {
    while (!state(pid).equals(wanted)) {
      Thread.onSpinWait();
    }
  }

  /** Small, since a core file has all of it. */
  private static JvmUnderTest.Builder derelict(Jdk jdk) throws IOException {
    List<String> options = new ArrayList<>(List.of("-Xmx24m", "-XX:+UseSerialGC"));
    options.addAll(List.of("-XX:CompressedClassSpaceSize=16m", "-XX:ReservedCodeCacheSize=16m"));
    return JvmUnderTest.of(jdk, App.DERELICT)
        .agent()
        .jvm(options.toArray(String[]::new))
        .app("--hold", "--library=" + Build.natives().resolve("libderelict.so"));
  }
}
