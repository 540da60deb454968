package org.fdorigin.apps.probes;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Array;
import java.util.Optional;

/**
 * Ways down through the foreign function interface, and up again. It is called by reflection,
 * because the probes are compiled for JDKs that do not have it: JDK 21 has it as a preview, and
 * before that, JDK 17 in a module of its own, which must be asked for, under other names.
 */
final class ForeignElevator {

  private static final String INCUBATOR = "jdk.incubator.foreign";
  private static final boolean INCUBATES = Runtime.version().feature() == 17;

  private ForeignElevator() {}

  static boolean isThere() {
    return Runtime.version().feature() >= 21
        || INCUBATES && ModuleLayer.boot().findModule(INCUBATOR).isPresent();
  }

  /**
   * The function {@code symbol} of a library that a class of this loader has loaded. Its first
   * argument is a function and will be {@code up}; the others and its result are {@code type}, of
   * {@code int}s, or {@code void}.
   */
  static MethodHandle down(String symbol, MethodType type, MethodHandle up)
      throws ReflectiveOperationException {
    Object arguments = ints(1 + type.parameterCount());
    Array.set(arguments, 0, layout("POINTER", "ADDRESS"));
    Object downShape = shape(type, arguments);
    Object upShape = shape(up.type(), ints(up.type().parameterCount()));
    Object symbols = type("SymbolLookup").getMethod("loaderLookup").invoke(null);
    return INCUBATES
        ? downAsIncubated(symbols, symbol, type, downShape, up, upShape)
        : downAsFinished(symbols, symbol, downShape, up, upShape);
  }

  private static MethodHandle downAsFinished(
      Object symbols, String symbol, Object downShape, MethodHandle up, Object upShape)
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
                linker, up, upShape, type("Arena").getMethod("global").invoke(null), noOptions);
    Object function =
        type("SymbolLookup").getMethod("find", String.class).invoke(symbols, symbol);
    MethodHandle down =
        (MethodHandle)
            linkerType
                .getMethod(
                    "downcallHandle", type("MemorySegment"), shapeType, noOptions.getClass())
                .invoke(linker, ((Optional<?>) function).orElseThrow(), downShape, noOptions);
    return MethodHandles.insertArguments(down, 0, stub);
  }

  private static MethodHandle downAsIncubated(
      Object symbols,
      String symbol,
      MethodType type,
      Object downShape,
      MethodHandle up,
      Object upShape)
      throws ReflectiveOperationException {
    Class<?> linkerType = type("CLinker");
    Class<?> shapeType = type("FunctionDescriptor");
    Class<?> scopeType = type("ResourceScope");
    Object linker = linkerType.getMethod("getInstance").invoke(null);
    Object stub =
        linkerType
            .getMethod("upcallStub", MethodHandle.class, shapeType, scopeType)
            .invoke(linker, up, upShape, scopeType.getMethod("globalScope").invoke(null));
    Object function =
        type("SymbolLookup").getMethod("lookup", String.class).invoke(symbols, symbol);
    MethodHandle down =
        (MethodHandle)
            linkerType
                .getMethod("downcallHandle", type("Addressable"), MethodType.class, shapeType)
                .invoke(
                    linker,
                    ((Optional<?>) function).orElseThrow(),
                    type.insertParameterTypes(0, type("MemoryAddress")),
                    downShape);
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
        .invoke(null, layout("INT", "JAVA_INT"), arguments);
  }

  private static Object ints(int count) throws ReflectiveOperationException {
    Object layouts = Array.newInstance(type("MemoryLayout"), count);
    for (int i = 0; i < count; i++) {
      Array.set(layouts, i, layout("INT", "JAVA_INT"));
    }
    return layouts;
  }

  private static Object layout(String incubated, String finished)
      throws ReflectiveOperationException {
    return INCUBATES
        ? type("CLinker").getField("C_" + incubated).get(null)
        : type("ValueLayout").getField(finished).get(null);
  }

  private static Class<?> type(String name) throws ClassNotFoundException {
    return Class.forName((INCUBATES ? INCUBATOR : "java.lang.foreign") + "." + name);
  }
}
