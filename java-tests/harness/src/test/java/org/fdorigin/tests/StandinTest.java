package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
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
import org.fdorigin.harness.RequiresStandin;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The stand-in says what a CRaC JDK says, so that a test which passes by it means something. The
 * expectations are those of a real JDK's output, written here once more by hand, and beside them
 * the stand-in's own check of itself.
 */
@RequiresStandin
class StandinTest {

  private static final String STALLS = "--stalls=listener,connection,datagram,unbound,file,pipe";
  private static final String OPEN = "CheckpointOpen";

  @EachJdk
  void oldestSpeaksInAddresses(Jdk jdk) throws IOException {
    checkAddresses(jdk, Generation.G0);
  }

  @EachJdk
  void earlySpeaksInAddresses(Jdk jdk) throws IOException {
    checkAddresses(jdk, Generation.G1);
  }

  private static void checkAddresses(Jdk jdk, Generation generation) throws IOException {
    try (JvmUnderTest jvm = bazaar(jdk, generation)) {
      Map<String, String> ready = jvm.ready();
      Kernel kernel = Kernel.of(jvm.pid());
      int client = number(ready, "client");
      int accepted = number(ready, "accepted");
      String socket = "jdk.crac.impl." + OPEN + "SocketException: ";
      String resource = "jdk.crac.impl." + OPEN + "ResourceException: ";
      List<String> expected = new ArrayList<>();
      expected.add(socket + tcp6("::", number(ready, "listener"), "::", 0));
      expected.add(socket + tcp6("::ffff:127.0.0.1", client, "::ffff:127.0.0.1", accepted));
      expected.add(socket + tcp6("::ffff:127.0.0.1", accepted, "::ffff:127.0.0.1", client));
      expected.add(
          socket + tcp6("::", number(ready, "datagram"), "::", 0).replaceFirst("^tcp6", "udp6"));
      expected.add(socket + kernel.descriptors().get(unbound(kernel)));
      expected.add("jdk.crac.impl." + OPEN + "FileException: /etc/hostname");
      // The process has exactly one pipe beside the standard streams; both ends have its inode.
      String pipe =
          kernel.descriptors().entrySet().stream()
              .filter(entry -> entry.getKey() > 2 && entry.getValue().startsWith("pipe:"))
              .map(Map.Entry::getValue)
              .findFirst()
              .orElseThrow();
      assertEquals(2, kernel.withTarget(pipe).size());
      expected.add(resource + pipe);
      expected.add(resource + pipe);

      Attempt attempt = jvm.checkpoint(1);
      assertEquals("jdk.crac.CheckpointException", attempt.exception().toString());
      List<String> printed =
          attempt.exception().suppressed().stream().map(Object::toString).sorted().toList();
      assertEquals(expected.stream().sorted().toList(), printed);
      for (Attempt.Failure failure : attempt.exception().suppressed()) {
        assertEquals(1, FailureJoin.named(failure.message(), kernel).size(), failure::toString);
      }
    }
  }

  @EachJdk
  void currentSpeaksInChannelsAndNumbers(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = bazaar(jdk, Generation.G3)) {
      Map<String, String> ready = jvm.ready();
      int client = number(ready, "client");
      int accepted = number(ready, "accepted");
      String prefix = "jdk\\.internal\\.crac\\.mirror\\.impl\\." + OPEN;
      String channel = prefix + "SocketException: java\\.nio\\.channels\\.SocketChannel";
      List<Pattern> expected =
          Stream.of(
                  prefix + "SocketException: sun\\.nio\\.ch\\.ServerSocketChannelImpl\\[.*]",
                  channel + "\\[connected local=\\S*:" + client + " remote=\\S*:" + accepted + "]",
                  channel + "\\[connected local=\\S*:" + accepted + " remote=\\S*:" + client + "]",
                  channel + "\\[unconnected]",
                  prefix + "SocketException: sun\\.nio\\.ch\\.DatagramChannelImpl@[0-9a-f]+",
                  prefix + "FileException: /etc/hostname",
                  prefix + "ResourceException: FileDescriptor \\d+: fifo: pipe:\\[\\d+]",
                  prefix + "ResourceException: FileDescriptor \\d+: fifo: pipe:\\[\\d+]")
              .map(Pattern::compile)
              .toList();
      Attempt attempt = jvm.checkpoint(1);
      assertEquals("jdk.crac.CheckpointException", attempt.exception().toString());
      List<String> printed =
          new ArrayList<>(attempt.exception().suppressed().stream().map(Object::toString).toList());
      for (Pattern pattern : expected) {
        Optional<String> match =
            printed.stream().filter(line -> pattern.matcher(line).matches()).findFirst();
        assertTrue(match.isPresent(), () -> pattern + " is not in " + printed);
        printed.remove(match.get());
      }
      assertEquals(List.of(), printed);
    }
  }

  /** Numbers of the VM's own scan are the kernel's, with the kernel's inodes. */
  @EachJdk
  void currentScansByNumber(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.FELIX)
            .standin(Generation.G3)
            .jvm("-Dstandin.watchservice=scan")
            .app("--hold");
    builder.app("--work=" + builder.folder());
    try (JvmUnderTest jvm = builder.start()) {
      jvm.ready();
      Kernel kernel = Kernel.of(jvm.pid());
      Attempt attempt = jvm.checkpoint(1);
      List<String> printed =
          attempt.exception().suppressed().stream().map(Attempt.Failure::message).toList();
      int inotify = kernel.withTarget("anon_inode:inotify").get(0);
      assertTrue(
          printed.contains("FD fd=" + inotify + " type=unknown path=anon_inode:inotify"),
          printed::toString);
      int ends = 0;
      for (Map.Entry<Integer, Long> peer : kernel.unixPeers().entrySet()) {
        if (peer.getValue() != 0) {
          String message =
              "FD fd="
                  + peer.getKey()
                  + " type=socket path=socket:["
                  + kernel.inode(peer.getKey())
                  + "],port=";
          assertTrue(
              printed.stream().anyMatch(line -> line.startsWith(message)), printed::toString);
          ends++;
        }
      }
      assertEquals(2, ends);
    }
  }

  /** Every case of the stand-in's own check, in a JVM of its own. */
  @TestFactory
  Stream<DynamicNode> selfCheck() {
    Optional<Jdk> only = Jdk.only();
    if (only.isPresent()) {
      return Stream.of(allCases(only.get()));
    }
    return IntStream.of(17, 25)
        .mapToObj(
            feature ->
                Jdk.find(feature)
                    .map(StandinTest::allCases)
                    .orElseGet(
                        () ->
                            dynamicTest(
                                "JDK " + feature,
                                () -> Assumptions.abort("no JDK " + feature + " here"))));
  }

  private static DynamicNode allCases(Jdk jdk) {
    if (jdk.feature() < 17) {
      return dynamicTest(
          jdk.toString(), () -> Assumptions.abort("the self-check needs JDK 17 or later"));
    }
    return dynamicContainer(
        jdk.toString(),
        Arrays.stream(Generation.values()).map(generation -> cases(jdk, generation)));
  }

  private static DynamicNode cases(Jdk jdk, Generation generation) {
    try {
      Path list = Build.newWorkFolder("selfcheck");
      selfCheck(jdk, generation, list, List.of(), "--list");
      List<DynamicTest> tests = new ArrayList<>();
      for (String line : Files.readAllLines(list.resolve("out"))) {
        String[] words = line.trim().split("\\s+");
        tests.add(
            dynamicTest(
                words[0],
                () -> {
                  Path folder = Build.newWorkFolder("selfcheck");
                  List<String> options =
                      Arrays.stream(words)
                          .skip(1)
                          .map(word -> word.replace("%DIR%", folder.resolve("cr").toString()))
                          .toList();
                  selfCheck(jdk, generation, folder, options, words[0]);
                }));
      }
      assertTrue(tests.size() > 20, tests::toString);
      return dynamicContainer(generation.name(), tests);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void selfCheck(
      Jdk jdk, Generation generation, Path folder, List<String> options, String argument)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(jdk.java().toString());
    command.addAll(jdk.options());
    command.add("@" + generation.arguments());
    command.addAll(options);
    command.add("-cp");
    command.add(
        generation.arguments().resolveSibling("standin-selfcheck.jar")
            + ":"
            + Build.apps().resolve("probes/target/lib")
            + "/*");
    command.add("SelfCheck");
    command.add(argument);
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("out").toFile())
            .start();
    try {
      if (!process.waitFor(60, TimeUnit.SECONDS)) {
        throw new AssertionError(command + " does not end");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    } finally {
      process.destroyForcibly();
    }
    assertEquals(0, process.exitValue(), () -> command + "\n" + read(folder.resolve("out")));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static JvmUnderTest bazaar(Jdk jdk, Generation generation) throws IOException {
    return JvmUnderTest.of(jdk, App.BAZAAR)
        .standin(generation)
        .app("--hold", "--api=jdk", STALLS, "--file=/etc/hostname")
        .start();
  }

  private static String tcp6(String local, int localPort, String remote, int remotePort) {
    return "tcp6 localAddr "
        + local
        + " localPort "
        + localPort
        + " remoteAddr "
        + remote
        + " remotePort "
        + remotePort;
  }

  /** The one socket that neither the inet tables nor the Unix table have. */
  private static int unbound(Kernel kernel) {
    List<Integer> known = new ArrayList<>(kernel.unixSockets());
    kernel.inet().forEach(socket -> known.add(socket.fd()));
    List<Integer> rest = kernel.sockets().stream().filter(fd -> !known.contains(fd)).toList();
    assertEquals(1, rest.size(), rest::toString);
    return rest.get(0);
  }
}
