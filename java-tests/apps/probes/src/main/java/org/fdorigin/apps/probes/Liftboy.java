package org.fdorigin.apps.probes;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Opens a socket behind a way down through the foreign function interface into a function of {@code
 * --library=PATH}, and up again into Java: at {@code cold} at once, at {@code warm} when the way was
 * gone often enough to be compiled. The socket is made by a JNI library.
 */
public final class Liftboy {

  private static final int TURNS = 40_000;

  private static boolean opens;
  private static String opened;
  private static IOException failed;

  private Liftboy() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    console
        .on("cold", () -> ride(shaft(), 1))
        .on("warm", () -> ride(shaft(), TURNS))
        .serve(Map.of("vm", System.getProperty("java.vm.name").replace(' ', '_')));
  }

  private static MethodHandle shaft() throws ReflectiveOperationException {
    MethodType type = MethodType.methodType(int.class, int.class);
    return ForeignElevator.down(
        "ferryman_hoist",
        type,
        MethodHandles.lookup().findStatic(Liftboy.class, "alightEightyTwo", type));
  }

  /** The last of so many turns opens. */
  private static Map<String, ?> ride(MethodHandle down, int turns) throws Exception {
    for (int turn = 1; turn <= turns; turn++) {
      opens = turn == turns;
      if (hoistEightyOne(down, turn) != turn + 1) {
        throw new AssertionError("another floor");
      }
    }
    if (failed != null) {
      throw failed;
    }
    return Map.of("opened", opened);
  }

  private static int hoistEightyOne(MethodHandle down, int floor) {
    try {
      return (int) down.invokeExact(floor); // MARK down
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** What native code calls. */
  private static int alightEightyTwo(int floor) {
    if (opens) {
      try {
        opened = Witness.of(new Throwable(), Ferryman.cross()); // MARK up
      } catch (IOException e) {
        failed = e;
      }
    }
    return floor + 1;
  }
}
