package org.fdorigin;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Asks the agent in this JVM for a report. Copy this class into your program as it is: the agent
 * binds the natives of a class of this name, in any class loader, when it is first used. It needs
 * no {@code System.load}, no native access and no other class.
 */
public final class FdOrigin {

  private FdOrigin() {}

  /** Whether this JVM runs with the agent. */
  public static boolean isLoaded() {
    try {
      return version() != null;
    } catch (UnsatisfiedLinkError e) {
      return false;
    }
  }

  /**
   * Writes a report on the descriptors that are open now, and returns when it is there, whole. The
   * calling thread does all of it.
   *
   * @param path where to; a file that is there is replaced; null for where the option {@code
   *     report} says
   * @throws IOException where there is no agent or the report cannot be written
   */
  public static void report(Path path) throws IOException {
    int result;
    try {
      // The agent replaces %p and the like.
      result = dump(path == null ? null : path.toAbsolutePath().toString().replace("%", "%%"));
    } catch (UnsatisfiedLinkError e) {
      throw new IOException("this JVM was started without the fdorigin agent", e);
    }
    if (result != 0) {
      throw new IOException("fdorigin wrote no report (" + result + " in fdorigin.h)");
    }
  }

  private static native int dump(String path);

  private static native String version();
}
