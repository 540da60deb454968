package org.fdorigin.apps.probes;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Array;
import java.util.Optional;

/**
 * Ways down through the foreign function interface, and up again. It is called by reflection,
 * because the probes are compiled for JDKs that do not have it.
 */
final class ForeignElevator {

  private ForeignElevator() {}

  static boolean isThere() {
    return Runtime.version().feature() >= 22;
  }

  /**
   * The function {@code symbol} of a library that a class of this loader has loaded. Its first
   * argument is a function and will be {@code up}; the others and its result are {@code type}, of
   * {@code int}s, or {@code void}.
   */
  static MethodHandle down(String symbol, MethodType type, MethodHandle up)
      throws ReflectiveOperationException {
    Class<?> linkerType = type("Linker");
    Class<?> shapeType = type("FunctionDescriptor");
    Object linker = linkerType.getMethod("nativeLinker").invoke(null);
    Object noOptions = Array.newInstance(type("Linker$Option"), 0);
    Object stub =
        linkerType
            .getMethod(
                "upcallStub", MethodHandle.class, shapeType, type("Arena"), noOptions.getClass())
            .invoke(
                linker,
                up,
                shape(up.type(), ints(up.type().parameterCount())),
                type("Arena").getMethod("global").invoke(null),
                noOptions);
    Object symbols = type("SymbolLookup").getMethod("loaderLookup").invoke(null);
    Object function =
        type("SymbolLookup").getMethod("find", String.class).invoke(symbols, symbol);
    Object arguments = ints(1 + type.parameterCount());
    Array.set(arguments, 0, layout("ADDRESS"));
    MethodHandle down =
        (MethodHandle)
            linkerType
                .getMethod(
                    "downcallHandle", type("MemorySegment"), shapeType, noOptions.getClass())
                .invoke(
                    linker,
                    ((Optional<?>) function).orElseThrow(),
                    shape(type, arguments),
                    noOptions);
    return MethodHandles.insertArguments(down, 0, stub);
  }

  private static Object shape(MethodType type, Object arguments)
      throws ReflectiveOperationException {
    Class<?> shape = type("FunctionDescriptor");
    if (type.returnType() == void.class) {
      return shape.getMethod("ofVoid", arguments.getClass()).invoke(null, arguments);
    }
    return shape
        .getMethod("of", type("MemoryLayout"), arguments.getClass())
        .invoke(null, layout("JAVA_INT"), arguments);
  }

  private static Object ints(int count) throws ReflectiveOperationException {
    Object layouts = Array.newInstance(type("MemoryLayout"), count);
    for (int i = 0; i < count; i++) {
      Array.set(layouts, i, layout("JAVA_INT"));
    }
    return layouts;
  }

  private static Object layout(String name) throws ReflectiveOperationException {
    return type("ValueLayout").getField(name).get(null);
  }

  private static Class<?> type(String name) throws ClassNotFoundException {
    return Class.forName("java.lang.foreign." + name);
  }
}
