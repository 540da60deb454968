package org.fdorigin.harness;

import static java.util.stream.Collectors.joining;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A JDK on this machine, and the options that every JVM of it is started with. They are taken from
 * {@code -Dfdorigin.jdks=path:path} alone where that is given; otherwise from {@code
 * FDORIGIN_JDK25}, from {@code build/deps} beside the tests' folder, from the JVM that runs the
 * tests and from the usual folder of the distribution.
 *
 * <p>Where {@code -Dfdorigin.jvm=path} names one, it is the only one, with {@code
 * -Dfdorigin.jvmOptions}: a row of {@code scripts/test-matrix}.
 */
public record Jdk(Path home, int feature, List<String> options) {

  private static final Path DISTRIBUTION = Path.of("/usr/lib/jvm");

  private static final Map<List<String>, Optional<String>> REFUSALS = new ConcurrentHashMap<>();

  /** The only JVM under test, where one is named. */
  public static Optional<Jdk> only() {
    return Build.property("fdorigin.jvm").map(Jdk::named);
  }

  /** A JVM that was named and does not start is an error, or all its tests would be skipped. */
  private static Jdk named(String home) {
    Jdk jdk =
        at(Path.of(home), Build.property("fdorigin.jvmOptions").orElse(""))
            .orElseThrow(() -> new IllegalStateException(home + " is no Java home"));
    jdk.refusal(List.of())
        .ifPresent(
            said -> {
              throw new IllegalStateException(home + " with " + jdk.options + ": " + said);
            });
    return jdk;
  }

  /** The first JDK of this feature version. */
  public static Optional<Jdk> find(int feature) {
    return candidates().stream()
        .map(home -> at(home, ""))
        .flatMap(Optional::stream)
        .filter(jdk -> jdk.feature == feature)
        .findFirst();
  }

  public Path java() {
    return home.resolve("bin/java");
  }

  /**
   * Whether its {@code java} is a script that puts another {@code /usr} over the machine's, in a
   * mount namespace (Debian sid's, {@code scripts/lib/get-jdk}). Tools of the machine then find
   * other files under the paths of that JVM's.
   */
  public boolean hasOwnUsr() {
    try (InputStream program = Files.newInputStream(java())) {
      return Arrays.equals(program.readNBytes(2), "#!".getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String toString() {
    return "JDK " + feature + options.stream().map(option -> " " + option).collect(joining());
  }

  /**
   * What the JVM says to these options beside its own, if it does not start with them: a collector
   * that it lacks or that is not the only one, compilers that it does not have.
   */
  Optional<String> refusal(List<String> more) {
    List<String> command = new ArrayList<>();
    command.add(java().toString());
    command.addAll(options);
    command.addAll(more);
    command.add("-version");
    return REFUSALS.computeIfAbsent(command, Jdk::failure);
  }

  /** The first lines of what the command says; empty where it does not fail. */
  private static Optional<String> failure(List<String> command) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor() == 0
          ? Optional.empty()
          : Optional.of(said.lines().limit(2).collect(joining(" ")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  private static List<Path> candidates() {
    Optional<String> given = Build.property("fdorigin.jdks");
    if (given.isPresent()) {
      return Arrays.stream(given.get().split(File.pathSeparator)).map(Path::of).toList();
    }
    List<Path> homes = new ArrayList<>();
    String environment = System.getenv("FDORIGIN_JDK25");
    if (environment != null) {
      homes.add(Path.of(environment));
    }
    homes.add(Build.apps().resolve("../../build/deps/jdk25").normalize());
    homes.add(Path.of(System.getProperty("java.home")));
    if (Files.isDirectory(DISTRIBUTION)) {
      try (DirectoryStream<Path> found = Files.newDirectoryStream(DISTRIBUTION)) {
        found.forEach(homes::add);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return homes;
  }

  /** A JDK says its version in its {@code release} file; one without it is none. */
  private static Optional<Jdk> at(Path home, String options) {
    Path release = home.resolve("release");
    if (!Files.isExecutable(home.resolve("bin/java")) || !Files.isReadable(release)) {
      return Optional.empty();
    }
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(release)) {
      properties.load(reader);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    String version = properties.getProperty("JAVA_VERSION", "").replace("\"", "");
    String feature = version.split("[.+-]", 2)[0];
    return feature.matches("\\d+")
        ? Optional.of(new Jdk(home, Integer.parseInt(feature), words(options)))
        : Optional.empty();
  }

  private static List<String> words(String text) {
    return Arrays.stream(text.split(" ")).filter(word -> !word.isEmpty()).toList();
  }
}
