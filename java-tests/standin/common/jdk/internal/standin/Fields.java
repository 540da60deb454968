package jdk.internal.standin;

import java.lang.reflect.Field;

/** Private fields of the stock JDK's classes, which in a CRaC JDK would speak for themselves. */
final class Fields {
  private Fields() {}

  static Class<?> bootClass(String name) {
    try {
      return Class.forName(name, false, null);
    } catch (ClassNotFoundException e) {
      return null;
    }
  }

  static boolean has(Object object, String name) {
    return field(object, name) != null;
  }

  /** The field of the object's class or of one that it extends; null where none declares it. */
  private static Field field(Object object, String name) {
    for (Class<?> c = object.getClass(); c != null; c = c.getSuperclass()) {
      try {
        Field field = c.getDeclaredField(name);
        field.setAccessible(true);
        return field;
      } catch (NoSuchFieldException e) {
        continue;
      }
    }
    return null;
  }

  private static Field existing(Object object, String name) {
    Field field = field(object, name);
    if (field == null) {
      throw new IllegalStateException(object.getClass().getName() + " has no field " + name);
    }
    return field;
  }

  static Object get(Object object, String name) {
    try {
      return existing(object, name).get(object);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  static void setInt(Object object, String name, int value) {
    try {
      existing(object, name).setInt(object, value);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  static int getInt(Object object, String name) {
    return (Integer) get(object, name);
  }

  /** A static constant of the object's class, such as {@code ST_CLOSING}. */
  static int getConstant(Object object, String name) {
    return getInt(object, name);
  }
}
