package org.fdorigin.apps.probes;

import java.io.IOException;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Opens and closes by system call instructions of a native library, {@code --library=PATH}: nothing
 * that replaces functions can see it.
 */
public final class Smuggler {

  private Smuggler() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    console
        .on("smuggle", () -> Map.of("fd", rawSocket()))
        .on("swap", Smuggler::swap)
        .serve(Map.of());
  }

  /** A declared socket goes and a smuggled one takes its number. */
  private static Map<String, ?> swap() {
    int declared = libcSocket();
    int closed = rawClose(declared);
    int smuggled = rawSocket();
    return Map.of("declared", declared, "closed", closed, "fd", smuggled);
  }

  private static native int rawSocket();

  private static native int rawClose(int fd);

  private static native int libcSocket();
}
