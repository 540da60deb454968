package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.jar.JarFile;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Attempt;
import org.fdorigin.harness.Build;
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
 * async-profiler in the same JVM: it replaces dlopen in the same slots, malloc and the functions of
 * locks and threads in others, and interrupts all threads by signals, also inside our hooks. The
 * application goes on as before, we attribute what it opens, and async-profiler has its profile.
 */
@RequiresAgent
@RequiresStandin
class OtherProfilerTest {

  /** Native memory and locks by patched slots; the rest by signals and bytecode. */
  private static final String EVENTS =
      "event=wall,interval=2ms,alloc=64k,lock=10us,nativemem=4k,nativelock=10us";

  @EachJdk
  void loadedAfterOurs(Jdk jdk) throws IOException {
    try (Sights sights = new Sights(jdk)) {
      sights.builder.agent("libc=on").jvm(sights.agent());
      sights.run(false);
    }
  }

  @EachJdk
  void loadedBeforeOurs(Jdk jdk) throws IOException {
    try (Sights sights = new Sights(jdk)) {
      sights.builder.jvm(sights.agent()).agent("libc=on");
      sights.run(false);
    }
  }

  @EachJdk(17)
  void loadedAfterOursWithoutEntries(Jdk jdk) throws IOException {
    try (Sights sights = new Sights(jdk)) {
      sights.builder.agent("libc=off").jvm(sights.agent());
      sights.run(false);
    }
  }

  @EachJdk(17)
  void loadedBeforeOursWithoutEntries(Jdk jdk) throws IOException {
    try (Sights sights = new Sights(jdk)) {
      sights.builder.jvm(sights.agent()).agent("libc=off");
      sights.run(false);
    }
  }

  @EachJdk
  void startedAndStoppedLater(Jdk jdk) throws IOException {
    try (Sights sights = new Sights(jdk)) {
      sights.builder.agent("libc=on");
      sights.run(true);
    }
  }

  @EachJdk(17)
  void startedAndStoppedLaterWithoutEntries(Jdk jdk) throws IOException {
    try (Sights sights = new Sights(jdk)) {
      sights.builder.agent("libc=off");
      sights.run(true);
    }
  }

  private static final class Sights implements AutoCloseable {
    final JvmUnderTest.Builder builder;
    private final Path profiler;
    private final Path profile;
    private JvmUnderTest jvm;

    Sights(Jdk jdk) throws IOException {
      builder = JvmUnderTest.of(jdk, App.SIGHTSEER).standin(Generation.G3);
      profiler = unpack(builder.folder());
      profile = builder.folder().resolve("profile.jfr");
      builder.app("--hold", "--profiler=" + profiler, "--profile=" + profile);
      builder.app("--events=" + EVENTS + ",file=" + profile);
    }

    /** As an agent from the start of the JVM to its end. */
    String agent() {
      return "-agentpath:" + profiler + "=start," + EVENTS + ",file=" + profile;
    }

    void run(boolean late) throws IOException {
      jvm = builder.start();
      jvm.ready();
      walk();
      if (late) {
        assertEquals("Profiling_started", jvm.command("start").get("answer"), jvm::transcript);
        walk();
      }
      Map<String, String> kept = jvm.command("keep");
      if (late) {
        jvm.command("stop");
        assertProfileIsThere();
        walk();
      }
      Kernel kernel = Kernel.of(jvm.pid());
      int last = 1;
      Attempt attempt = jvm.checkpoint(last);
      // A file of /proc that the profiler was just reading is gone when the report is made.
      while (last < 10 && attempt.exception().suppressed().toString().contains("/task/")) {
        attempt = jvm.checkpoint(++last);
      }
      assertTrue(attempt.failed(), jvm::transcript);
      Report report = jvm.report(last);
      FailureJoin.check(report, attempt, kernel);
      assertEquals(0, report.json().path("coverage").path("dropped").asLong());
      int gate = kernel.listener(number(kept, "port")).fd();
      check(report.descriptor(gate), kernel.inode(gate), "buildGateNinetyOne", "gate");
      Path path = Path.of(kept.get("path"));
      int picture = kernel.withTarget(path.toString()).get(0);
      long inode = (Long) Files.getAttribute(path, "unix:ino");
      check(report.descriptor(picture), inode, "openPictureNinetyTwo", "picture");
      walk();
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertProfileIsThere();
      for (String file : jvm.files()) {
        assertTrue(!file.startsWith("hs_err") && !file.startsWith("core"), jvm::transcript);
      }
    }

    private void walk() {
      Map<String, String> walk = jvm.command("walk");
      assertEquals(walk.get("expected"), walk.get("arrived"), jvm::transcript);
    }

    private static void check(Report.Descriptor found, long inode, String method, String mark) {
      assertEquals(inode, found.json().path("inode").asLong());
      assertEquals("traced", found.attribution(), found::toString);
      assertEquals("complete", found.origin().json().path("javaStack").asText());
      assertEquals(
          App.SIGHTSEER.line(mark),
          found.origin().frame(App.SIGHTSEER.mainClass() + "." + method).line());
    }

    /** JFR's format begins so; async-profiler writes it when it stops. */
    private void assertProfileIsThere() throws IOException {
      byte[] bytes = Files.readAllBytes(profile);
      assertTrue(bytes.length > 1000, () -> profile + " has " + bytes.length + " bytes");
      assertEquals("FLR", new String(bytes, 0, 3, StandardCharsets.US_ASCII));
    }

    @Override
    public void close() {
      if (jvm != null) {
        jvm.close();
      }
    }

    /** The native library lies in the jar that the application has on its class path. */
    private static Path unpack(Path folder) throws IOException {
      Path target = folder.resolve("libasyncProfiler.so");
      Path jars = Build.apps().resolve("probes/target/lib");
      try (DirectoryStream<Path> found =
          Files.newDirectoryStream(jars, "async-profiler-*.jar")) {
        for (Path path : found) {
          try (JarFile jar = new JarFile(path.toFile());
              InputStream library =
                  jar.getInputStream(jar.getEntry("linux-x64/libasyncProfiler.so"))) {
            Files.copy(library, target);
          }
          return target;
        }
      }
      throw new IllegalStateException("async-profiler is not in " + jars);
    }
  }
}
