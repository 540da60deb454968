package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
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
import org.fdorigin.harness.Testimony;
import org.junit.jupiter.api.Tag;

/**
 * What is opened on a thread that the JDK or the JVM itself has started is traced to that thread,
 * and its Java frames are those of a Throwable that was made there.
 */
@RequiresAgent
@RequiresStandin
@Tag("stacks")
class ThreadsTest {

  private static final String JVM_CALLED =
      "the JVM itself made the call and may have held its own locks";

  /** Of a compiler's thread. The kernel keeps 15 letters, for which JDK 27 leaves some out. */
  private static final String COMPILER = " Comp";

  private JvmUnderTest jvm;
  private Kernel kernel;
  private Report report;

  @EachJdk
  void threadsThatTheJdkStartsAreTraced(Jdk jdk) throws Exception {
    try (JvmUnderTest started = lamplighter(jdk).start()) {
      jvm = started;
      jvm.ready();
      Testimony signal = light("signal");
      Testimony worker = light("fork-join");
      reportOn(1);
      check(signal, "SIGWINCH handler", "lightAtSignalSixtyTwo", "signal");
      check(
          worker, "ForkJoinPool.commonPool-worker-1", "lightAtForkJoinSixtyFive", "fork-join");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** They are there before the first event of a thread's start. */
  @EachJdk
  void threadsThatAreThereBeforeTheAgentAreTraced(Jdk jdk) throws Exception {
    try (JvmUnderTest started = lamplighter(jdk).start()) {
      jvm = started;
      jvm.ready();
      Testimony cleaner = light("cleaner");
      Testimony finalizer = light("finalizer");
      reportOn(1);
      check(cleaner, "Common-Cleaner", "lightAtCleanerSixtyThree", "cleaner");
      check(finalizer, "Finalizer", "lightAtFinalizerSixtyFour", "finalizer");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** Its own socket libjvm opens; Java code that it runs for somebody is as any other. */
  @EachJdk
  void theAttachListenerIsTraced(Jdk jdk) throws Exception {
    JvmUnderTest.Builder builder = lamplighter(jdk);
    Path jar = builder.folder().resolve("agent.jar");
    writeAgentJar(jar);
    try (JvmUnderTest started = builder.start()) {
      jvm = started;
      jvm.ready();
      attach(jdk, jar);
      Testimony attached = light("attached");
      long listener = threadCalled("Attach Listener");
      reportOn(1);
      check(attached, "Attach Listener", "lightAtAttachSixtyOne", "attached");
      assertEquals(listener, attached.tid());
      int fd = attachSocket();
      Report.Call origin = report.descriptor(fd).origin();
      assertEquals("traced", report.descriptor(fd).attribution());
      assertEquals("socket", origin.call());
      assertEquals(listener, origin.json().path("thread").path("tid").asLong());
      assertEquals("Attach Listener", origin.json().path("thread").path("name").asText());
      assertEquals(JVM_CALLED, origin.json().path("javaStack").asText());
      assertTrue(origin.javaFrames().isEmpty(), () -> origin.stack().toString());
      assertTrue(
          origin.stack().get(0).json().path("module").asText().endsWith("/libjvm.so"),
          () -> origin.stack().toString());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** There main has returned, and another thread was the last. */
  @EachJdk(since = 17)
  void theThreadThatEndsTheJvmIsTraced(Jdk jdk) throws Exception {
    try (JvmUnderTest started = lamplighter(jdk).app("--late=yes").start()) {
      jvm = started;
      int main = number(jvm.ready(), "main");
      jvm.tell("exit");
      Map<String, String> last = jvm.ready();
      Testimony hook = Testimony.parse(last.get("hook"));
      Testimony destroyer = Testimony.parse(last.get("destroyer"));
      reportOn(1);
      check(hook, "last-rounds", "lightAtHookSixtySix", "hook");
      check(destroyer, "DestroyJavaVM", "lightAtDestroyerSixtySeven", "destroyer");
      assertEquals(main, destroyer.tid());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** The VM thread opens a log anew that is full, compilers have one each. */
  @EachJdk
  void threadsOfTheJvmsOwnHaveNoJavaFrames(Jdk jdk) throws Exception {
    JvmUnderTest.Builder builder = lamplighter(jdk);
    Path pauses = builder.folder().resolve("pauses.log");
    Path compiled = builder.folder().resolve("compiled.log");
    try (JvmUnderTest started =
        builder
            .jvm("-Xlog:safepoint:file=" + pauses + "::filecount=2,filesize=64")
            .jvm("-XX:+LogCompilation", "-XX:LogFile=" + compiled)
            .start()) {
      jvm = started;
      jvm.ready();
      light("finalizer"); // by a collection, at a safepoint
      reportOn(1);
      List<Integer> reopened = kernel.withTarget(pauses.toString());
      assertEquals(1, reopened.size());
      checkOwn(reopened.get(0), "VM Thread");
      int compilers = 0;
      for (Report.Descriptor descriptor : report.descriptors()) {
        if (descriptor.json().path("target").asText().startsWith("/tmp/hs_c")) {
          checkOwn(descriptor.fd(), COMPILER);
          compilers++;
        }
      }
      assertEquals(anyThreadCalled(COMPILER), compilers > 0);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** It opens a log of its own doings anew. */
  @EachJdk
  void aThreadOfTheGarbageCollectorHasNoJavaFrames(Jdk jdk) throws Exception {
    JvmUnderTest.Builder builder = lamplighter(jdk);
    Path marks = builder.folder().resolve("marks.log");
    try (JvmUnderTest started =
        builder
            .jvm("-XX:+UseG1GC", "-XX:+ExplicitGCInvokesConcurrent")
            .jvm("-Xlog:gc+marking:file=" + marks + "::filecount=2,filesize=64")
            .start()) {
      jvm = started;
      jvm.ready();
      light("finalizer"); // by a collection, which is over when it returns
      reportOn(1);
      List<Integer> reopened = kernel.withTarget(marks.toString());
      assertEquals(1, reopened.size());
      checkOwn(reopened.get(0), "G1 Main Marker");
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private void checkOwn(int fd, String thread) throws IOException {
    Report.Call origin = report.descriptor(fd).origin();
    String name = origin.json().path("thread").path("name").asText();
    assertTrue(name.contains(thread), () -> origin.json().toString());
    assertEquals(nameOf(origin.json().path("thread").path("tid").asLong()), name);
    assertEquals("vm", origin.json().path("thread").path("kind").asText());
    assertTrue(origin.javaFrames().isEmpty(), () -> origin.stack().toString());
    assertTrue(
        List.of("none", "the JVM was still starting", JVM_CALLED)
            .contains(origin.json().path("javaStack").asText()),
        () -> origin.json().toString());
  }

  /** As the kernel has it. */
  private String nameOf(long tid) throws IOException {
    return Files.readString(Path.of("/proc/" + jvm.pid() + "/task/" + tid + "/comm")).strip();
  }

  private boolean anyThreadCalled(String part) throws IOException {
    try (DirectoryStream<Path> tasks =
        Files.newDirectoryStream(Path.of("/proc/" + jvm.pid() + "/task"))) {
      for (Path task : tasks) {
        if (nameOf(Long.parseLong(task.getFileName().toString())).contains(part)) {
          return true;
        }
      }
    }
    return false;
  }

  private static JvmUnderTest.Builder lamplighter(Jdk jdk) throws IOException {
    return JvmUnderTest.of(jdk, App.LAMPLIGHTER)
        .agent()
        .standin(Generation.G3)
        .jvm("-XX:+UnlockDiagnosticVMOptions", "-XX:+ShowHiddenFrames")
        .jvm("-XX:+EnableDynamicAgentLoading")
        .jvm("--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED")
        .jvm("--add-exports=java.base/jdk.internal.access=ALL-UNNAMED")
        .app("--hold");
  }

  private Testimony light(String lamp) {
    return Testimony.parse(jvm.command(lamp).get("lit"));
  }

  private void reportOn(int attempt) throws IOException {
    kernel = Kernel.of(jvm.pid());
    Attempt failed = jvm.checkpoint(attempt);
    assertTrue(failed.failed(), jvm::transcript);
    report = jvm.report(attempt);
    FailureJoin.check(report, failed, kernel);
  }

  private void check(Testimony lamp, String thread, String method, String mark) {
    Report.Call origin = lamp.origin(report, kernel);
    assertEquals(thread, lamp.thread());
    assertEquals(thread, origin.json().path("thread").path("name").asText());
    assertEquals("java", origin.json().path("thread").path("kind").asText());
    assertFalse(origin.json().path("thread").path("virtual").asBoolean());
    assertEquals("complete", origin.json().path("javaStack").asText());
    assertEquals(lamp.frames(), lamp.below(origin));
    String name = App.LAMPLIGHTER.mainClass() + "." + method;
    assertEquals(App.LAMPLIGHTER.line(mark), origin.frame(name).line());
    assertEquals(name, report.descriptor(lamp.fd(kernel)).culprit().name());
  }

  /** The kernel's number of the only thread that it knows by this name. */
  private long threadCalled(String name) throws IOException {
    List<Long> found = new ArrayList<>();
    try (DirectoryStream<Path> tasks =
        Files.newDirectoryStream(Path.of("/proc/" + jvm.pid() + "/task"))) {
      for (Path task : tasks) {
        if (Files.readString(task.resolve("comm")).strip().equals(name)) {
          found.add(Long.parseLong(task.getFileName().toString()));
        }
      }
    }
    assertEquals(1, found.size(), () -> name + " in " + jvm.transcript());
    return found.get(0);
  }

  private int attachSocket() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + jvm.pid() + "/net/unix"))) {
      String[] column = line.trim().split("\\s+");
      if (column.length > 7 && column[7].contains("/.java_pid" + jvm.pid())) {
        List<Integer> fds = kernel.withTarget("socket:[" + column[6] + "]");
        assertEquals(1, fds.size());
        return fds.get(0);
      }
    }
    throw new AssertionError("the JVM does not listen to jcmd" + jvm.transcript());
  }

  private void attach(Jdk jdk, Path jar) throws Exception {
    Path log = jvm.folder().resolve("jcmd.txt");
    Process jcmd =
        new ProcessBuilder(
                jdk.home().resolve("bin/jcmd").toString(),
                String.valueOf(jvm.pid()),
                "JVMTI.agent_load",
                jar.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertEquals(0, jcmd.waitFor(), () -> "see " + log);
  }

  /** Nothing but a manifest: the class is on the program's class path. */
  private static void writeAgentJar(Path jar) throws IOException {
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().putValue("Agent-Class", App.LAMPLIGHTER.mainClass());
    try (OutputStream out = Files.newOutputStream(jar)) {
      new JarOutputStream(out, manifest).close();
    }
  }
}
