package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
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
import org.fdorigin.harness.SecondOpinion;
import org.fdorigin.harness.SyscallTrace;

/**
 * The measure of the whole: of all that a program has open when it is reported and has opened since
 * the agent came, every descriptor is traced, and to the call and the thread that made it.
 *
 * <p>Which these are is said by three that know nothing of the agent: the kernel, of what is open;
 * another agent, which goes before it, of what was open already; and strace, of who opened what.
 */
@RequiresAgent
@RequiresStandin
class MeasureTest {

  @EachJdk
  void httpServer(Jdk jdk) throws IOException {
    new Program(jdk, App.HTTP_SERVER).measure();
  }

  @EachJdk
  void netty(Jdk jdk) throws IOException {
    new Program(jdk, App.NETTY).measure();
  }

  @EachJdk(17)
  void felix(Jdk jdk) throws IOException {
    Program program = new Program(jdk, App.FELIX);
    program.builder.app("--work=" + program.builder.folder());
    program.measure();
  }

  @EachJdk(17)
  void glassFish(Jdk jdk) throws IOException {
    new Program(jdk, App.GLASSFISH).measure();
  }

  @EachJdk
  void allKindsOfDescriptors(Jdk jdk) throws IOException {
    Program program = new Program(jdk, App.BAZAAR);
    program
        .builder
        .app("--stalls=listener,connection,datagram,unbound,file,pipe,busy")
        .app("--file=/etc/hostname");
    program.measure();
  }

  @EachJdk
  void numbersThatAreUsedAgain(Jdk jdk) throws IOException {
    new Program(jdk, App.LODGINGS)
        .measure("first", "vacate", "second", "sleeper", "evict", "second", "first");
  }

  @EachJdk
  void children(Jdk jdk) throws IOException {
    new Program(jdk, App.NURSERY).measure("children");
  }

  @EachJdk(17)
  void forkedChildren(Jdk jdk) throws IOException {
    Program program = new Program(jdk, App.HATCHERY);
    program.builder.app("--library=" + Build.natives().resolve("libhatchery.so"));
    program.measure("fork");
  }

  /** What the JVM opens for itself: a log before the agent comes, recordings and servers after. */
  @EachJdk(17)
  void theJvmsOwn(Jdk jdk) throws IOException {
    Program program = new Program(jdk, App.HTTP_SERVER);
    Path folder = program.builder.folder();
    program.builder.jvm(
        "-Xlog:gc:file=" + folder.resolve("gc.log"),
        "-XX:FlightRecorderOptions=repository=" + folder.resolve("recordings"),
        "-XX:StartFlightRecording=settings=default",
        "-Dcom.sun.management.jmxremote.port=0",
        "-Dcom.sun.management.jmxremote.host=127.0.0.1",
        "-Dcom.sun.management.jmxremote.authenticate=false",
        "-Dcom.sun.management.jmxremote.ssl=false");
    program.measure();
  }

  @EachJdk
  void lookups(Jdk jdk) throws IOException {
    Program program = new Program(jdk, App.REGISTRY);
    program.builder.app("--file=/etc/hostname");
    program.measure("lookup", "tenant", "lookup", "tenant");
  }

  @EachJdk
  void nativeLibrary(Jdk jdk) throws IOException {
    Program program = new Program(jdk, App.CAROUSEL);
    program
        .builder
        .app("--library=" + Build.natives().resolve("libcarousel.so"))
        .app("--riders=4", "--turns=100");
    program.measure("ride", "ride");
  }

  @EachJdk(value = 25, since = 22)
  void foreignFunctions(Jdk jdk) throws IOException {
    Program program = new Program(jdk, App.FALCONER);
    program.builder.jvm("--enable-native-access=ALL-UNNAMED");
    program.measure("cast");
  }

  /** The measure itself: what passes libc by is the one descriptor that it finds wanting. */
  @EachJdk(17)
  void aDescriptorThatIsNotTracedIsFound(Jdk jdk) throws IOException {
    Program program = new Program(jdk, App.SMUGGLER);
    program.builder.app("--library=" + Build.natives().resolve("libsmuggler.so"));
    Findings findings = program.run("smuggle");
    int smuggled = number(findings.answers.get("smuggle"), "fd");
    assertEquals(2, findings.wrong.size(), findings.wrong::toString);
    for (String story : findings.wrong) {
      assertTrue(story.contains("\"fd\":" + smuggled + ","), story);
    }
  }

  /** The stories of descriptors that are not as they should be, and how many there were in all. */
  private record Findings(
      List<String> wrong, int traced, int inherited, Map<String, Map<String, String>> answers) {}

  /** One program, run under the eyes of all three witnesses. */
  private static final class Program {
    private final Jdk jdk;
    private final App app;
    private final JvmUnderTest.Builder builder;

    Program(Jdk jdk, App app) throws IOException {
      SyscallTrace.assumePossible();
      this.jdk = jdk;
      this.app = app;
      builder = JvmUnderTest.of(jdk, app).app("--hold");
    }

    void measure(String... commands) throws IOException {
      Findings findings = run(commands);
      assertEquals(List.of(), findings.wrong);
      assertTrue(findings.traced > 0, "nothing was opened");
      System.out.printf(
          "measure, %s, %s: %d descriptors traced, %d inherited%n",
          app, jdk, findings.traced, findings.inherited);
    }

    Findings run(String... commands) throws IOException {
      Path file = builder.folder().resolve("strace.txt");
      Path census = builder.folder().resolve("census.txt");
      Map<String, Map<String, String>> answers = new TreeMap<>();
      Report report;
      Kernel before;
      Kernel after;
      try (JvmUnderTest jvm =
          builder
              .under(SyscallTrace.launcher(file))
              .standin(Generation.G3)
              .jvm("-agentpath:" + Build.natives().resolve("libcensus.so") + "=" + census)
              .agent("summary=off")
              .start()) {
        // Of the two processes that were started, strace is the parent.
        long pid = Long.parseLong(jvm.ready().get("pid"));
        for (String command : commands) {
          answers.put(command, jvm.command(command));
        }
        before = Kernel.of(pid);
        assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
        after = Kernel.of(pid);
        report = Report.read(builder.folder().resolve("fdorigin-" + pid + "-1.json"));
        assertEquals(0, jvm.exit(), jvm::transcript);
      }
      SyscallTrace trace = SyscallTrace.read(file, before.pid());
      int since = trace.opened(Build.agent());
      SyscallTrace.Moment moment = trace.reported(report.file());
      List<String> wrong = new ArrayList<>(SecondOpinion.differences(report, moment, since));
      checkCensus(census(census), trace.openAt(since), report, moment, wrong);
      checkKernel(before.descriptors(), after.descriptors(), report, wrong);
      int traced = 0;
      int inherited = 0;
      for (Report.Descriptor descriptor : report.descriptors()) {
        if (moment.unsteady(descriptor.fd())) {
          continue; // not measured
        }
        traced += descriptor.attribution().equals("traced") ? 1 : 0;
        inherited += descriptor.attribution().equals("inherited") ? 1 : 0;
      }
      return new Findings(wrong, traced, inherited, answers);
    }

    /** {@code NUMBER TARGET} */
    private static SortedMap<Integer, String> census(Path file) throws IOException {
      SortedMap<Integer, String> open = new TreeMap<>();
      for (String line : Files.readAllLines(file)) {
        int space = line.indexOf(' ');
        open.put(Integer.parseInt(line.substring(0, space)), line.substring(space + 1));
      }
      return open;
    }

    /** Whatever was there before the agent, and that alone, is inherited. */
    private static void checkCensus(
        SortedMap<Integer, String> census,
        SortedMap<Integer, SyscallTrace.Made> traced,
        Report report,
        SyscallTrace.Moment moment,
        List<String> wrong) {
      // Two witnesses agree, but for what came with the process.
      if (!census.keySet().containsAll(traced.keySet())) {
        wrong.add("strace knows " + traced.keySet() + ", the census " + census.keySet());
      }
      for (Report.Descriptor descriptor : report.descriptors()) {
        int fd = descriptor.fd();
        SyscallTrace.Made made = moment.end().get(fd);
        boolean wasThere =
            descriptor.json().path("target").asText().equals(census.get(fd))
                && (made == null || made.equals(traced.get(fd)));
        if (!moment.unsteady(fd)
            && !descriptor.attribution().equals(wasThere ? "inherited" : "traced")) {
          wrong.add("census: " + census.get(fd) + ", but " + descriptor);
        }
      }
    }

    /** What was open before the report and after it is in the report. */
    private static void checkKernel(
        SortedMap<Integer, String> before,
        SortedMap<Integer, String> after,
        Report report,
        List<String> wrong) {
      before.forEach(
          (fd, target) -> {
            if (target.equals(after.get(fd))
                && report
                    .find(fd)
                    .filter(one -> one.json().path("target").asText().equals(target))
                    .isEmpty()) {
              wrong.add("the kernel has " + fd + " " + target + ", but " + report.find(fd));
            }
          });
    }
  }
}
