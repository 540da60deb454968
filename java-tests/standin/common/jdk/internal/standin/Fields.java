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

  /** The value of the field, which the object's class or one that it extends must declare. */
  static Object get(Object object, String name) {
    for (Class<?> c = object.getClass(); c != null; c = c.getSuperclass()) {
      try {
        Field field = c.getDeclaredField(name);
        field.setAccessible(true);
        return field.get(object);
      } catch (NoSuchFieldException e) {
        continue;
      } catch (IllegalAccessException e) {
        throw new IllegalStateException(e);
      }
    }
    throw new IllegalStateException(object.getClass().getName() + " has no field " + name);
  }

  static int getInt(Object object, String name) {
    return (Integer) get(object, name);
  }

  /** A static constant of the object's class, such as {@code ST_CLOSING}. */
  static int getConstant(Object object, String name) {
    return getInt(object, name);
  }
}
