package org.fdorigin.harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where things lie, by system properties: the native build with the agent and the stand-in, the
 * report's schema, the packaged applications, and the folder for everything that the tests write.
 */
public final class Build {

  private Build() {}

  /** The argument file that gives a stock JVM OpenJ9's CRIU support. */
  public static Path openj9Standin() {
    return existing(
        standin()
            .orElseThrow(() -> new IllegalStateException("no stand-in is named"))
            .resolve("standin-openj9.args"));
  }

  /** Whether the agent is to run as on a VM other than HotSpot, with nothing but standard JVMTI. */
  public static boolean hotspotOff() {
    return property("fdorigin.hotspot").filter("off"::equals).isPresent();
  }

  /** Whether a native build was named at all; without one the tests of the agent are skipped. */
  public static boolean named() {
    return property("fdorigin.build").isPresent();
  }

  /** The agent's shared object. A build that was named and has none is an error. */
  public static Path agent() {
    return existing(Path.of(required("fdorigin.build")).resolve("libfdorigin.so"));
  }

  /** The command {@code fdorigin}. */
  public static Path command() {
    return existing(Path.of(required("fdorigin.build")).resolve("bin/fdorigin"));
  }

  /** The folder of the stand-in for a CRaC JDK, if one is there. */
  public static Optional<Path> standin() {
    Optional<Path> named = property("fdorigin.standin").map(Path::of);
    if (named.isPresent()) {
      return Optional.of(existing(named.get()));
    }
    return property("fdorigin.build").map(b -> existing(Path.of(b).resolve("standin")));
  }

  /** The folder of the native code that programs under test load, java-tests/native. */
  public static Path natives() {
    return existing(Path.of(required("fdorigin.build")).resolve("java-native"));
  }

  public static Path schema() {
    return existing(Path.of(required("fdorigin.schema")));
  }

  public static Path apps() {
    return existing(Path.of(required("fdorigin.apps")));
  }

  /** A new folder for one JVM; it stays after the test, to be looked at. */
  public static Path newWorkFolder(String label) throws IOException {
    Path work = Files.createDirectories(Path.of(required("fdorigin.work")));
    return Files.createTempDirectory(work, label + "-").toAbsolutePath().normalize();
  }

  static Optional<String> property(String name) {
    return Optional.ofNullable(System.getProperty(name)).filter(value -> !value.isBlank());
  }

  private static String required(String name) {
    return property(name)
        .orElseThrow(() -> new IllegalStateException("-D" + name + " is not set; use Maven"));
  }

  private static Path existing(Path path) {
    Path absolute = path.toAbsolutePath().normalize();
    if (!Files.exists(absolute)) {
      throw new IllegalStateException(absolute + " does not exist");
    }
    return absolute;
  }
}
