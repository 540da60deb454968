package org.fdorigin.apps.probes;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.StringJoiner;
import org.fdorigin.apps.console.Console;

/**
 * Loads libraries in many ways from a native library, {@code --library=PATH}, that has the search
 * path {@code --path=rpath} or {@code --path=runpath}, and lets each make a socket by a function
 * that is named after the way.
 */
public final class Wayfarer {

  private static final int TURNS = 3;

  private final String tag;
  private final Path folder;

  private Wayfarer(String tag, Path folder) {
    this.tag = tag;
    this.folder = folder;
  }

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    Path library = Path.of(console.option("library"));
    System.load(library.toString());
    Wayfarer wayfarer = new Wayfarer(console.option("path"), library.getParent());
    console
        .on("own", () -> Map.of("fd", own()))
        .on("needed", () -> Map.of("fd", needed()))
        .on("path", () -> stayThirtyNine("inn_" + wayfarer.tag, wayfarer.bare()))
        .on("plain", () -> stayThirtyNine("inn_plain", wayfarer.at("plain")))
        .on("global", () -> stayThirtyNine("inn_global", wayfarer.at("global")))
        .on("deepbind", () -> stayThirtyNine("inn_deepbind", wayfarer.at("deepbind")))
        .on("namespace", () -> stayThirtyNine("inn_namespace", wayfarer.at("namespace")))
        .on("again", wayfarer::again)
        .serve(Map.of());
  }

  private String bare() {
    return "libinn_" + tag + ".so";
  }

  private String at(String way) {
    return folder.resolve("libinn_" + way + ".so").toString();
  }

  private static Map<String, ?> stayThirtyNine(String name, String path) {
    long library = load(path, name.substring("inn_".length()));
    return Map.of("fd", call(library, name + "_socket")); // MARK stay
  }

  /** Loads, uses and unloads the same library, whose sockets stay. */
  private Map<String, ?> again() {
    StringJoiner fds = new StringJoiner(",");
    for (int turn = 0; turn < TURNS; turn++) {
      long library = load(bare(), tag);
      fds.add(String.valueOf(call(library, "inn_" + tag + "_socket")));
      unload(library);
    }
    return Map.of("fds", fds);
  }

  private static native int own();

  private static native int needed();

  private static native long load(String name, String how);

  private static native int call(long library, String function);

  private static native void unload(long library);
}
