package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
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
import org.fdorigin.harness.RequiresHotspot;
import org.fdorigin.harness.RequiresStandin;

/**
 * Sockets that the C library opens inside a name-service lookup, where no import of any library
 * leads: one that an NSS module keeps is told with the Java method that asked, and one that the
 * client of the real {@code nscd} has closed again is not confused with the next user of its
 * number. The machine's own name service is left alone: everything runs in mount namespaces.
 */
@RequiresAgent
@RequiresStandin
class NameServiceTest {

  private static final String ASK = App.REGISTRY.mainClass() + ".lookUpKeeperFiftyThree";
  private static final String TENANT = App.REGISTRY.mainClass() + ".moveInTenantFiftyNine";

  /** The only user that {@code java-tests/native/nss_fdkeep.c} knows, and nobody else. */
  private static final int KEPT_UID = 424253;

  private static final String KEPT_USER = "harrier";

  /** Any user of {@code /etc/passwd} that owns none of this test's files by itself. */
  private static final int LISTED_UID = 1;

  /** As Debian's, with what the test is not about left out; nothing is kept on disk. */
  private static final String NSCD_CONF =
      """
      paranoia no
      enable-cache passwd yes
      positive-time-to-live passwd 600
      negative-time-to-live passwd 20
      suggested-size passwd 211
      check-files passwd no
      persistent passwd no
      shared passwd yes
      max-db-size passwd 33554432
      enable-cache group no
      enable-cache hosts no
      enable-cache services no
      enable-cache netgroup no
      """;

  @EachJdk(since = 17)
  @RequiresHotspot
  void theSocketThatANssModuleKeepsIsToldWithTheLookup(Jdk jdk) throws IOException {
    assumeMounts();
    // A Unix socket's path has room for some hundred bytes only.
    Path folder = Files.createTempDirectory("fdo");
    Path path = folder.resolve("s");
    try (JvmUnderTest daemon =
        JvmUnderTest.of(jdk, App.POST_OFFICE)
            .standin(Generation.G3)
            .app("--hold", "--path=" + path)
            .start()) {
      daemon.ready();
      JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.REGISTRY);
      // Root is in the files: the module is loaded by the lookup of interest and not before.
      Path nsswitch =
          Files.writeString(builder.folder().resolve("nsswitch.conf"), "passwd: files fdkeep\n");
      try (JvmUnderTest jvm =
          builder
              .under("unshare", "--mount", "sh", "-c")
              .under("mount --bind \"$0\" /etc/nsswitch.conf && exec \"$@\"", nsswitch.toString())
              .environment("LD_LIBRARY_PATH", Build.natives().toString())
              .environment("FDKEEP_SOCKET", path.toString())
              .agent()
              .standin(Generation.G3)
              .app("--hold", "--file=" + ownedBy(KEPT_UID, builder.folder()))
              .start()) {
        jvm.ready();
        TreeSet<Integer> before = new TreeSet<>(Kernel.of(jvm.pid()).unixSockets());
        assertEquals(KEPT_USER, jvm.command("lookup").get("owner"));
        daemon.command("accept");
        Kernel kernel = Kernel.of(jvm.pid());
        TreeMap<Integer, Long> kept = new TreeMap<>(kernel.unixPeers());
        kept.keySet().removeAll(before);
        assertEquals(1, kept.size(), kept::toString);
        int number = kept.firstKey();
        Attempt attempt = jvm.checkpoint(1);
        assertTrue(attempt.failed(), jvm::transcript);

        Report report = jvm.report(1);
        FailureJoin.check(report, attempt, kernel);
        Report.Descriptor socket = report.descriptor(number);
        assertTrue(socket.blocking(), socket::toString);
        assertEquals(kernel.inode(number), socket.json().path("inode").asLong());
        assertEquals("traced", socket.attribution(), socket::toString);
        assertEquals("socket", socket.origin().call());
        assertEquals("unix", socket.socket().path("family").asText());
        assertEquals("stream", socket.socket().path("type").asText());
        socket.history("connect");
        checkLookupStack(socket.origin());

        JsonNode peer = socket.socket().path("peer");
        assertEquals(daemon.pid(), peer.path("pid").asLong(), socket::toString);
        assertEquals(Kernel.comm(daemon.pid()), peer.path("process").asText());
        assertEquals(kept.get(number), peer.path("inode").asLong());
        // Neither libc, nor the JVM, nor the JDK: the module, where it called socket.
        assertEquals(socket.origin().stack().get(0), socket.culprit());
      }
    } finally {
      Files.deleteIfExists(path);
      Files.delete(folder);
    }
  }

  /** The module, libc's lookup and the JDK's native, then Java down to the method that asked. */
  private static void checkLookupStack(Report.Call origin) {
    List<Report.Frame> frames = origin.stack();
    List<Report.Frame> innermost = frames.stream().takeWhile(frame -> !frame.java()).toList();
    List<String> modules =
        innermost.stream()
            .map(frame -> Path.of(frame.json().path("module").asText()).getFileName().toString())
            .distinct()
            .toList();
    assertEquals(
        List.of("libnss_fdkeep.so.2", "libc.so.6", "libnio.so"), modules, frames::toString);
    List<String> names = innermost.stream().map(Report.Frame::name).toList();
    assertTrue(names.contains("_nss_fdkeep_getpwuid_r"), names::toString);
    assertTrue(
        names.stream().anyMatch(name -> name.startsWith("getpwuid_r")),
        () -> names + " without getpwuid_r");
    assertEquals("complete", origin.json().path("javaStack").asText());
    assertEquals(App.REGISTRY.line("look-up"), origin.frame(ASK).line());
  }

  /**
   * The trap of a script that follows no closes: nscd's client takes a number for a moment, and the
   * next caller that gets it is not a name-service lookup. Which number that was is strace's word.
   */
  @EachJdk
  void aNumberThatNscdsClientHadIsTheNextTenants(Jdk jdk) throws IOException, InterruptedException {
    assumeMounts();
    try (Nscd nscd = Nscd.start()) {
      JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.REGISTRY);
      try (JvmUnderTest jvm =
          builder
              .under(nscd.inside("sh", "-c", "cd \"$0\" && exec \"$@\"", "" + builder.folder()))
              .agent()
              .standin(Generation.G3)
              .app("--hold", "--file=" + ownedBy(LISTED_UID, builder.folder()))
              .start()) {
        jvm.ready();
        jvm.command("tenant"); // for all that the JDK opens at the first time
        Kernel before = Kernel.of(jvm.pid());
        int number;
        try (Strace strace = Strace.of(jvm.pid(), builder.folder().resolve("strace.txt"))) {
          assertFalse(jvm.command("lookup").get("owner").isEmpty());
          number = strace.connectedTo("/var/run/nscd/socket");
        }
        assertFalse(Kernel.descriptors(jvm.pid()).containsKey(number), "nscd's client closes");
        // Lower numbers may be free as well.
        for (int i = 0; !Kernel.descriptors(jvm.pid()).containsKey(number); i++) {
          assertTrue(i < 16, () -> number + " stays free");
          jvm.command("tenant");
        }
        Kernel kernel = Kernel.of(jvm.pid());
        Attempt attempt = jvm.checkpoint(1);
        assertTrue(attempt.failed(), jvm::transcript);

        Report report = jvm.report(1);
        FailureJoin.check(report, attempt, kernel);
        Report.Descriptor tenant = report.descriptor(number);
        assertEquals(kernel.inode(number), tenant.json().path("inode").asLong());
        assertEquals("traced", tenant.attribution(), tenant::toString);
        assertEquals("socket", tenant.origin().call());
        assertEquals(TENANT, tenant.culprit().name());
        assertEquals(App.REGISTRY.line("tenant"), tenant.culprit().line());
        assertFalse(tenant.historyCalls().contains("connect"), tenant::toString);
        // Of the lookup itself nothing is left, not even under another number.
        assertTrue(
            report.descriptors().stream()
                .filter(one -> one.json().has("origin"))
                .allMatch(
                    one ->
                        before.descriptors().containsKey(one.fd())
                            || one.origin().javaFrames().stream()
                                .noneMatch(frame -> frame.name().equals(ASK))),
            report.file()::toString);
      }
    }
  }

  /** Debian's nscd in a mount namespace with a {@code /run} of its own. */
  private static final class Nscd implements AutoCloseable {
    private final Process process;

    private Nscd(Process process) {
      this.process = process;
    }

    static Nscd start() throws IOException, InterruptedException {
      Path program =
          Stream.of(Build.apps().resolve("../../build/deps/nscd/usr/sbin/nscd"))
              .map(Path::normalize)
              .filter(Files::isExecutable)
              .findFirst()
              .orElse(Path.of("/usr/sbin/nscd"));
      assumeTrue(Files.isExecutable(program), "no nscd: run scripts/setup");
      Path folder = Build.newWorkFolder("nscd");
      Path conf = Files.writeString(folder.resolve("nscd.conf"), NSCD_CONF);
      Path said = folder.resolve("nscd.txt");
      Nscd nscd =
          new Nscd(
              new ProcessBuilder(
                      "unshare",
                      "--mount",
                      "sh",
                      "-c",
                      "mount -t tmpfs fdorigin /run && mkdir /run/nscd && exec \"$@\"",
                      "sh",
                      program.toString(),
                      "--foreground",
                      "--config-file=" + conf)
                  .redirectErrorStream(true)
                  .redirectOutput(said.toFile())
                  .start());
      // It answers questions about itself by the same socket.
      List<String> question =
          Arrays.asList(nscd.inside("" + program, "--config-file=" + conf, "--statistics"));
      boolean answers = false;
      try {
        while (!answers) {
          answers = run(question) == 0;
          if (!nscd.process.isAlive()) {
            throw new AssertionError("nscd has ended: " + Files.readString(said));
          }
        }
      } finally {
        if (!answers) {
          nscd.process.destroyForcibly();
        }
      }
      return nscd;
    }

    /** The command that runs another one where this nscd can be reached. */
    String[] inside(String... command) {
      List<String> line =
          new ArrayList<>(List.of("nsenter", "--target", "" + process.pid(), "--mount"));
      line.addAll(Arrays.asList(command));
      return line.toArray(String[]::new);
    }

    @Override
    public void close() throws InterruptedException {
      process.destroy();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    }
  }

  /** What a process does with sockets while this lives, as the kernel shows it to a tracer. */
  private static final class Strace implements AutoCloseable {
    private final Process process;
    private final Path file;

    private Strace(Process process, Path file) {
      this.process = process;
      this.file = file;
    }

    static Strace of(long pid, Path file) throws IOException {
      Process process =
          new ProcessBuilder(
                  "strace", "-f", "-e", "trace=socket,connect", "-o", "" + file, "-p", "" + pid)
              .redirectErrorStream(true)
              .start();
      BufferedReader said =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
      String line = said.readLine();
      assumeTrue(line != null && line.contains("attached"), () -> "no strace here: " + line);
      return new Strace(process, file);
    }

    /** The number of the one socket that was connected to this path. Ends the tracing. */
    int connectedTo(String path) throws IOException, InterruptedException {
      close();
      Pattern connect =
          Pattern.compile("connect\\((\\d+), \\{sa_family=AF_UNIX, sun_path=\"" + path + "\"");
      TreeSet<Integer> numbers = new TreeSet<>();
      for (String line : Files.readAllLines(file)) {
        Matcher matcher = connect.matcher(line);
        if (matcher.find()) {
          numbers.add(Integer.parseInt(matcher.group(1)));
        }
      }
      assertEquals(1, numbers.size(), () -> numbers + " in " + file);
      return numbers.first();
    }

    @Override
    public void close() throws InterruptedException {
      process.destroy();
      process.waitFor();
    }
  }

  private static void assumeMounts() throws IOException {
    try {
      int status =
          run(
              List.of(
                  "unshare",
                  "--mount",
                  "sh",
                  "-c",
                  "mount -t tmpfs fdorigin /run && mount --bind /dev/null /etc/nsswitch.conf"));
      assumeTrue(status == 0, "no mount namespaces here: root is needed, and CAP_SYS_ADMIN");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** The exit status of a command whose output is nobody's business. */
  private static int run(List<String> command) throws IOException, InterruptedException {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .waitFor();
  }

  private static Path ownedBy(int uid, Path folder) throws IOException {
    Path file = Files.createFile(folder.resolve("owned"));
    Files.setAttribute(file, "unix:uid", uid);
    return file;
  }
}
