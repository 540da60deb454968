package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

/**
 * The socket pair that nobody wrote: both numbers, each other's peer, the JDK's WatchService and
 * File Install's watcher, whether the frames are interpreted or compiled.
 */
@RequiresAgent
@RequiresStandin
class FelixTest {

  private static final String WATCH_SERVICE = "sun.nio.fs.LinuxWatchService.<init>";
  private static final String WATCHER = "org.apache.felix.fileinstall.internal.Watcher";

  @EachJdk(17)
  void interpreted(Jdk jdk) throws IOException {
    check(jdk, "-Xint");
  }

  @EachJdk(17)
  void asTheJvmPleases(Jdk jdk) throws IOException {
    check(jdk);
  }

  /** Every method between the system call and the bundle is compiled before its first run. */
  @EachJdk(17)
  void compiled(Jdk jdk) throws IOException {
    check(
        jdk,
        "-Xcomp",
        "-XX:CompileCommand=quiet",
        "-XX:CompileCommand=compileonly,sun.nio.fs.*::*",
        "-XX:CompileCommand=compileonly,java.nio.file.*::*",
        "-XX:CompileCommand=compileonly,org.apache.felix.fileinstall.internal.*::*");
  }

  @EachJdk(17)
  void compiledWithoutFramePointers(Jdk jdk) throws IOException {
    check(
        jdk,
        "-Xcomp",
        "-XX:-PreserveFramePointer",
        "-XX:-TieredCompilation",
        "-XX:CompileCommand=quiet",
        "-XX:CompileCommand=compileonly,sun.nio.fs.*::*",
        "-XX:CompileCommand=compileonly,org.apache.felix.fileinstall.internal.*::*");
  }

  private static void check(Jdk jdk, String... mode) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.FELIX).agent();
    builder
        .standin(Generation.G3)
        .jvm("-Dstandin.watchservice=scan")
        .jvm(mode)
        .app("--hold", "--work=" + builder.folder());
    try (JvmUnderTest jvm = builder.start()) {
      jvm.ready();
      Kernel kernel = Kernel.of(jvm.pid());
      int[] pair = pair(kernel);
      int inotify = kernel.withTarget("anon_inode:inotify").get(0);
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);

      Report report = jvm.report(1);
      FailureJoin.check(report, attempt, kernel);
      for (int i = 0; i < 2; i++) {
        Report.Descriptor end = report.descriptor(pair[i]);
        assertTrue(end.blocking(), end::toString);
        assertEquals("traced", end.attribution());
        assertEquals("unix", end.socket().path("family").asText());
        assertEquals("socketpair", end.origin().call());
        assertEquals(kernel.inode(pair[i]), end.json().path("inode").asLong());
        assertEquals(kernel.inode(pair[1 - i]), end.socket().at("/peer/inode").asLong());
        assertEquals(pair[1 - i], end.socket().at("/peer/fd").asInt(-1));
        assertEquals(jvm.pid(), end.socket().at("/peer/pid").asLong());
        assertStory(end);
      }
      Report.Descriptor watch = report.descriptor(inotify);
      assertEquals("inotify", watch.kind());
      assertTrue(watch.origin().call().startsWith("inotify_init"));
      assertStory(watch);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void assertStory(Report.Descriptor descriptor) {
    descriptor.origin().frame(WATCH_SERVICE);
    assertEquals(
        App.FELIX.line("start-bundle"),
        descriptor.origin().frame(App.FELIX.mainClass() + ".unpackShelfEleven").line());
    assertEquals("complete", descriptor.origin().json().path("javaStack").asText());
    Report.Frame culprit = descriptor.culprit();
    assertEquals(WATCHER, culprit.json().path("class").asText());
    List<String> inner = new ArrayList<>();
    for (Report.Frame frame : descriptor.origin().javaFrames()) {
      if (frame.json().equals(culprit.json())) {
        break;
      }
      inner.add(frame.name());
    }
    assertTrue(
        inner.stream().allMatch(name -> name.startsWith("sun.nio.fs.")),
        () -> "between the call and the culprit: " + inner);
  }

  /** The two Unix sockets of the process that the kernel says are each other's ends. */
  private static int[] pair(Kernel kernel) throws IOException {
    List<int[]> pairs = new ArrayList<>();
    Map<Integer, Long> peers = kernel.unixPeers();
    for (int a : peers.keySet()) {
      for (int b : peers.keySet()) {
        if (a < b && peers.get(a) == kernel.inode(b) && peers.get(b) == kernel.inode(a)) {
          pairs.add(new int[] {a, b});
        }
      }
    }
    assertEquals(1, pairs.size(), peers::toString);
    return pairs.get(0);
  }
}
