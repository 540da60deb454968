package org.fdorigin.harness;

import java.io.File;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

/**
 * A JDK on this machine. They are taken from {@code -Dfdorigin.jdks=path:path} alone where that is
 * given; otherwise from {@code FDORIGIN_JDK25}, from {@code build/deps} beside the tests' folder,
 * from the JVM that runs the tests and from the usual folder of the distribution.
 */
public record Jdk(Path home, int feature) {

  private static final Path DISTRIBUTION = Path.of("/usr/lib/jvm");

  /** The first JDK of this feature version. */
  public static Optional<Jdk> find(int feature) {
    return candidates().stream()
        .map(Jdk::at)
        .flatMap(Optional::stream)
        .filter(jdk -> jdk.feature == feature)
        .findFirst();
  }

  public Path java() {
    return home.resolve("bin/java");
  }

  @Override
  public String toString() {
    return "JDK " + feature;
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
  private static Optional<Jdk> at(Path home) {
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
        ? Optional.of(new Jdk(home, Integer.parseInt(feature)))
        : Optional.empty();
  }
}
