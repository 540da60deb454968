package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.Criu;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.ForcedDump;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.Shell;

/** A JVM with the agent is saved and made again by the real criu, and goes on as before. */
@RequiresAgent
class RestoreTest {

  private static final String ASLEEP = App.SLEEPER.mainClass() + ".fallAsleepThirtySeven";
  private static final String AWAKE = App.SLEEPER.mainClass() + ".wakeUpFortyOne";

  @EachJdk(since = 17)
  void aRestoredProcessIsRecordedAndReported(Jdk jdk) throws Exception {
    try (Bed bed = new Bed(jdk)) {
      SortedMap<Integer, String> before = bed.save();
      Instant restoredAfter = Instant.now().minusSeconds(1);
      Process restored = bed.restore();
      bed.wake();
      SortedMap<Integer, String> after = Kernel.descriptors(bed.pid());
      assertTrue(after.size() > before.size(), after::toString);
      bed.signal(bed.pid());
      Report report = bed.report(1);
      assertEquals("signal", report.triggerKind());
      assertEquals(bed.pid(), report.json().at("/process/pid").asLong());
      assertTrue(
          Instant.parse(report.json().at("/process/startedAt").asText()).isAfter(restoredAfter),
          "it is another process");
      bed.check(report, before, after);
      assertEquals(0, report.json().at("/coverage/dropped").asInt(-1));

      bed.end();
      assertTrue(restored.waitFor(60, TimeUnit.SECONDS));
      Report last = Report.read(bed.path(2));
      assertEquals("exit", last.triggerKind());
    }
  }

  /**
   * As a container is: the process has its old number inside, and another one outside. Who asks
   * from outside is the first to ask, so nobody has told the agent.
   */
  @EachJdk(since = 17)
  void aProcessRestoredUnderAnotherNumberIsReported(Jdk jdk) throws Exception {
    try (Bed bed = new Bed(jdk)) {
      SortedMap<Integer, String> before = bed.save();
      Process restored = bed.restore("unshare", "--pid", "--fork", "--mount-proc");
      bed.wake();
      long outside = bed.numberOutside(restored);
      assertNotEquals(bed.pid(), outside);
      SortedMap<Integer, String> after = Kernel.descriptors(outside);

      Report forced = ForcedDump.of(outside, bed.folder()).report();
      assertEquals(outside, forced.json().at("/process/pid").asLong());
      bed.check(forced, before, after);

      bed.signal(outside);
      Report own = bed.report(1);
      assertEquals(bed.pid(), own.json().at("/process/pid").asLong());
      bed.check(own, before, after);

      String asked = Shell.fdorigin("dump", outside).end().answer();
      assertEquals("/proc/" + outside + "/root" + bed.path(2), asked);
      Report answer = Report.read(Path.of(asked));
      assertEquals(bed.pid(), answer.json().at("/process/pid").asLong());
      bed.check(answer, before, Kernel.descriptors(outside));
      bed.end();
      assertTrue(restored.waitFor(60, TimeUnit.SECONDS));
    }
  }

  /** A JVM that is saved and made again, and what it says. */
  private static final class Bed implements AutoCloseable {
    private final Criu criu;
    private final Path folder = Build.newWorkFolder("sleeper");
    private final Path file = Files.writeString(folder.resolve("pillow.txt"), "soft");
    private final Path images = folder.resolve("images");
    private final Path out = folder.resolve("stdout.txt");
    private final Path err = folder.resolve("stderr.txt");
    private final Process first;
    private Process restored;

    Bed(Jdk jdk) throws Exception {
      assumeFalse(jdk.hasOwnUsr(), "criu does not find its mounts");
      Optional<Criu> found = Criu.find();
      assumeTrue(found.isPresent(), "criu is not in build/deps/criu, or cannot work here (root?)");
      criu = found.get();
      List<String> line = new ArrayList<>();
      // A session of its own, for criu saves whole ones only; no file that others map (hsperfdata).
      line.addAll(List.of("setsid", jdk.java().toString(), "-XX:-UsePerfData"));
      line.add("-agentpath:" + Build.agent() + "=on=exit+emfile,signal=SIGUSR1");
      line.addAll(List.of("-cp", App.SLEEPER.classPath(), App.SLEEPER.mainClass()));
      line.addAll(List.of(folder.toString(), file.toString()));
      first =
          new ProcessBuilder(line)
              .directory(folder.toFile())
              .redirectInput(new File("/dev/null"))
              .redirectOutput(out.toFile())
              .redirectError(err.toFile())
              .start();
    }

    long pid() {
      return first.pid();
    }

    Path folder() {
      return folder;
    }

    /** What it had open. */
    SortedMap<Integer, String> save() throws Exception {
      await(() -> read(out).contains("READY\n"));
      SortedMap<Integer, String> before = Kernel.descriptors(pid());
      criu.dump(pid(), images);
      assertEquals(128 + 9, first.waitFor(), "criu ends what it has saved");
      return before;
    }

    Process restore(String... launcher) throws IOException {
      restored = criu.restore(images, launcher);
      return restored;
    }

    /** It opens more. */
    void wake() throws Exception {
      Files.createFile(folder.resolve("go"));
      await(() -> read(out).contains("AWAKE " + pid() + "\n"));
    }

    void end() throws IOException {
      Files.createFile(folder.resolve("end"));
    }

    Path path(int n) {
      return folder.resolve("fdorigin-" + pid() + "-" + n + ".json");
    }

    Report report(int n) throws Exception {
      await(() -> read(err).contains(path(n).toString()));
      return Report.read(path(n));
    }

    void signal(long pid) throws IOException, InterruptedException {
      assertEquals(0, new ProcessBuilder("kill", "-USR1", Long.toString(pid)).start().waitFor());
    }

    /** By the kernel's word on which number it has inside. */
    long numberOutside(Process launcher) {
      return launcher
          .descendants()
          .mapToLong(ProcessHandle::pid)
          .filter(
              pid ->
                  read(Path.of("/proc/" + pid + "/status"))
                      .lines()
                      .anyMatch(line -> line.equals("NSpid:\t" + pid + "\t" + pid())))
          .findFirst()
          .orElseThrow(() -> new AssertionError("it is not there"));
    }

    void check(
        Report report, SortedMap<Integer, String> before, SortedMap<Integer, String> after) {
      List<Integer> open = report.descriptors().stream().map(Report.Descriptor::fd).toList();
      assertTrue(open.containsAll(after.keySet()), () -> open + " but " + after);
      assertEquals(0, report.json().at("/coverage/selfDescriptors").asInt(-1));
      int lost = 0;
      for (Report.Descriptor descriptor : report.descriptors()) {
        String target = after.get(descriptor.fd());
        if (target == null) {
          // Of whoever asks: the connection is open while the report is made.
          assertEquals("Attach Listener", threadOf(descriptor), descriptor::toString);
          continue;
        }
        assertEquals(target, descriptor.json().path("target").asText());
        boolean old = before.containsKey(descriptor.fd());
        if (target.equals(file.toString())) {
          assertEquals(old ? ASLEEP : AWAKE, descriptor.culprit().name());
          assertEquals(App.SLEEPER.line(old ? "asleep" : "awake"), descriptor.culprit().line());
        } else if (target.startsWith("socket:") && !old) {
          boolean asked = threadOf(descriptor).equals("Attach Listener");
          assertTrue(asked || descriptor.culprit().name().equals(AWAKE), descriptor::toString);
        } else if (target.startsWith("socket:") && !target.equals(before.get(descriptor.fd()))) {
          assertEquals("untraced", descriptor.attribution(), "criu has made another socket");
          assertTrue(
              descriptor.json().path("reason").asText().contains("restored"), descriptor::toString);
          lost++;
        }
      }
      assertTrue(lost > 0, "criu has made no other socket");
    }

    private static String threadOf(Report.Descriptor descriptor) {
      return descriptor.json().at("/origin/thread/name").asText();
    }

    /** The process has nothing to say anything through but files, which have to be looked at. */
    private void await(BooleanSupplier condition) throws InterruptedException {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
      while (!condition.getAsBoolean()) {
        if (System.nanoTime() > deadline) {
          fail("it does not come\n" + read(out) + "\n" + read(err));
        }
        Thread.sleep(10);
      }
    }

    @Override
    public void close() throws InterruptedException {
      first.destroyForcibly();
      if (restored != null) {
        restored.descendants().forEach(ProcessHandle::destroyForcibly);
        restored.destroyForcibly();
        restored.waitFor();
      }
    }
  }

  private static String read(Path path) {
    try {
      return Files.readString(path);
    } catch (IOException e) {
      return "";
    }
  }
}
