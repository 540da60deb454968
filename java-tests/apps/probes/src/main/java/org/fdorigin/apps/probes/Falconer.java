package org.fdorigin.apps.probes;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.reflect.Array;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.fdorigin.apps.console.Console;

/**
 * Calls the C library's {@code socket} by its address, through the foreign function interface of
 * JDK 21 and later; by reflection, since this is compiled for an earlier one.
 */
public final class Falconer {

  private static final int AF_INET = 2;
  private static final int SOCK_DGRAM = 2;
  private static final int IPPROTO_UDP = 17;

  private Falconer() {}

  public static void main(String[] args) throws IOException, ReflectiveOperationException {
    MethodHandle socket = function("socket", 3);
    new Console(args)
        .on("cast", () -> Map.of("fd", castOffSixtyOne(socket)))
        .serve(Map.of());
  }

  static int castOffSixtyOne(MethodHandle socket) throws Exception {
    try {
      return (int) socket.invokeExact(AF_INET, SOCK_DGRAM, IPPROTO_UDP); // MARK cast-off
    } catch (Exception | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** A function of libc that takes so many ints and returns one. */
  private static MethodHandle function(String name, int arguments)
      throws ReflectiveOperationException {
    Class<?> linkerType = type("Linker");
    Class<?> layoutType = type("MemoryLayout");
    Object linker = linkerType.getMethod("nativeLinker").invoke(null);
    Object lookup = linkerType.getMethod("defaultLookup").invoke(linker);
    Object found = type("SymbolLookup").getMethod("find", String.class).invoke(lookup, name);
    Object address = ((Optional<?>) found).orElseThrow();
    Object number = type("ValueLayout").getField("JAVA_INT").get(null);
    Object[] layouts = (Object[]) Array.newInstance(layoutType, arguments);
    Arrays.fill(layouts, number);
    Object shape =
        type("FunctionDescriptor")
            .getMethod("of", layoutType, layouts.getClass())
            .invoke(null, number, layouts);
    Object options = Array.newInstance(type("Linker$Option"), 0);
    return (MethodHandle)
        linkerType
            .getMethod(
                "downcallHandle",
                type("MemorySegment"),
                type("FunctionDescriptor"),
                options.getClass())
            .invoke(linker, address, shape, options);
  }

  private static Class<?> type(String name) throws ClassNotFoundException {
    return Class.forName("java.lang.foreign." + name);
  }
}
